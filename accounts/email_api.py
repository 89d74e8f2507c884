"""API doors to the reader's e-mail address: changed by the password and a key that is mailed."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.email_changes import cancel_change, confirmation_of, own_address, request_change
from accounts.permissions import MayWrite
from accounts.private_view import PrivateView
from accounts.requests import ReaderApiRequest
from accounts.signing_in import check_password
from accounts.throttling import AnonymousThrottle, CostlyThrottle, LoginThrottle, ReaderThrottle


class AddressOutput(serializers.Serializer):
    email = serializers.CharField(help_text="The present one. Nobody else sees it.")
    is_confirmed = serializers.BooleanField()
    waiting = serializers.CharField(
        allow_null=True, help_text="The one that takes its place once the mailed key came back."
    )


class NewAddress(serializers.Serializer):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(
        max_length=128, trim_whitespace=False, help_text="The present one."
    )


class Key(serializers.Serializer):
    key = serializers.CharField(max_length=200, help_text="The last part of the mailed link.")


class ConfirmedAddress(serializers.Serializer):
    email = serializers.CharField()


class AddressView(PrivateView):
    """The reader's address, and the one that waits to take its place."""

    permission_classes = (IsAuthenticated, MayWrite)

    def get_throttles(self) -> list[Any]:
        if self.request.method != "POST":
            return super().get_throttles()
        return [ReaderThrottle(), LoginThrottle(), CostlyThrottle()]

    @extend_schema(operation_id="get_address", responses={200: AddressOutput})
    def get(self, request: ReaderApiRequest) -> Response:
        return Response(AddressOutput(own_address(request.user)).data)

    @extend_schema(
        operation_id="change_address", request=NewAddress, responses={202: AddressOutput}
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Ask for another address.

        The present one stays until the key is back that is mailed to the new one
        (`account/email/confirmation/`, or the link on a page), and is told then. The answer is the
        same for an address of somebody else, which gets a mail, but no key. One change at a time:
        another address replaces the one that waits; the same within three minutes sends no mail.
        While two-step log-in is on the address stays.
        """
        form = NewAddress(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            check_password(request.user, form.validated_data["password"])
            address = request_change(request._request, request.user, form.validated_data["email"])
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return Response(AddressOutput(address).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        operation_id="keep_address",
        request=None,
        responses={
            204: None,
            (404, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="No address waits to be confirmed."
            ),
        },
    )
    def delete(self, request: ReaderApiRequest) -> Response:
        """Keep the present address: the one that waits is forgotten, and its key worthless."""
        if not cancel_change(request._request, request.user):
            raise NotFound("No address waits to be confirmed.")
        return Response(status=status.HTTP_204_NO_CONTENT)


class AddressNotConfirmed(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "address_not_confirmed"


class ConfirmationView(PrivateView):
    """Who has the key can read the address's mail; that is all there is to show."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AnonymousThrottle, LoginThrottle)

    @extend_schema(
        operation_id="confirm_address",
        request=Key,
        responses={
            200: ConfirmedAddress,
            (404, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="The key is not valid, too old, or was used."
            ),
            (409, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="It is the address of another account by now."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Confirm an address by the key that was mailed to it; no log-in is needed."""
        form = Key(data=request.data)
        form.is_valid(raise_exception=True)
        confirmation = confirmation_of(form.validated_data["key"])
        if confirmation is None:
            raise NotFound("This key is not valid, too old, or was used already.")
        confirmed = confirmation.confirm(request._request)
        if confirmed is None:
            raise AddressNotConfirmed("This is the address of another account by now.")
        return Response({"email": confirmed.email})
