"""API doors to accounts: sign up, and a token for a username and password."""

from typing import cast

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.services import issue_token, sign_up
from accounts.signing_in import authenticate_reader
from accounts.throttling import LoginThrottle, SignUpThrottle


class SignUpInput(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class SignedUp(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.EmailField()


class SignUpView(APIView):
    """Make an account; a link to confirm the address is sent to it."""

    # No session here: a stranger's form must not act for whoever is logged in.
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (SignUpThrottle,)

    @extend_schema(operation_id="sign_up", request=SignUpInput, responses={201: SignedUp})
    def post(self, request: Request) -> Response:
        form = SignUpInput(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            user = sign_up(**form.validated_data)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        EmailAddress.objects.get(user=user).send_confirmation(request._request, signup=True)
        return Response(
            {"id": user.pk, "username": user.username, "email": user.email},
            status=status.HTTP_201_CREATED,
        )


class TokenInput(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    # Asked for when the account has two-step log-in.
    code = serializers.CharField(max_length=20, required=False, allow_blank=True, default="")


class IssuedToken(serializers.Serializer):
    token = serializers.CharField(help_text="Shown this once; only a digest is kept.")
    expires_at = serializers.DateTimeField(allow_null=True)


class TokenView(APIView):
    """Get a token for a username or e-mail address and a password."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    @extend_schema(operation_id="create_token", request=TokenInput, responses={200: IssuedToken})
    def post(self, request: Request) -> Response:
        form = TokenInput(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            user = authenticate_reader(
                cast(HttpRequest, request),
                name=form.validated_data["username"],
                password=form.validated_data["password"],
                code=form.validated_data["code"],
            )
        except DjangoValidationError as error:
            raise serializers.ValidationError(
                error.message_dict
                if hasattr(error, "error_dict")
                else {"non_field_errors": error.messages}
            ) from error
        token, secret = issue_token(user)
        response = Response({"token": secret, "expires_at": token.expiry})
        response["Cache-Control"] = "no-store"
        return response
