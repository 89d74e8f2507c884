"""API doors to the reader's own account: who they are, what others see, and the way out."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import password_changed
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from accounts.errors import LastSuperuser
from accounts.fields import SwitchField
from accounts.models import ApiToken, User
from accounts.permissions import MayWrite
from accounts.private_view import PrivateView
from accounts.requests import ReaderApiRequest
from accounts.selectors import has_confirmed_email
from accounts.services import change_password, delete_account, set_switches
from accounts.signing_in import confirm_reader
from accounts.throttling import LoginThrottle, ReaderThrottle


class Switches(serializers.Serializer):
    """What readers say of themselves; each may be sent alone."""

    profile_is_public = SwitchField(required=False)
    ratings_are_public = SwitchField(
        required=False, help_text="Stars and reading history; needs a public profile."
    )
    shelves_are_public = SwitchField(required=False, help_text="Needs a public profile.")
    wants_recommendations = SwitchField(
        required=False, help_text="false: no list is made, on no page and not by the API."
    )


class AccountOutput(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.CharField(help_text="Nobody else sees it.")
    email_is_confirmed = serializers.SerializerMethodField()
    has_two_step = serializers.SerializerMethodField()
    date_joined = serializers.DateTimeField()
    profile_is_public = serializers.BooleanField()
    ratings_are_public = serializers.BooleanField()
    shelves_are_public = serializers.BooleanField()
    wants_recommendations = serializers.BooleanField()
    scope = serializers.SerializerMethodField()

    def get_email_is_confirmed(self, user: User) -> bool:
        return has_confirmed_email(user)

    def get_has_two_step(self, user: User) -> bool:
        """Whether a log-in asks for a code of an authenticator app."""
        return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP]))

    def get_scope(self, user: User) -> str:
        """What this request's token may do: read or write; a session may write."""
        token = self.context["request"].auth
        return token.scope if isinstance(token, ApiToken) else ApiToken.Scope.WRITE.value


class AccountView(PrivateView):
    """Who the reader is, and what they say of themselves."""

    @extend_schema(operation_id="get_account", responses={200: AccountOutput})
    def get(self, request: ReaderApiRequest) -> Response:
        return Response(_shown(request))

    @extend_schema(operation_id="change_account", request=Switches, responses={200: AccountOutput})
    def patch(self, request: ReaderApiRequest) -> Response:
        """Change what others see, or turn lists on or off; what is not sent stays."""
        form = Switches(data=request.data)
        form.is_valid(raise_exception=True)
        set_switches(request.user, form.validated_data)
        return Response(_shown(request))


def _shown(request: ReaderApiRequest) -> Any:
    return AccountOutput(request.user, context={"request": request}).data


class Confirmation(serializers.Serializer):
    password = serializers.CharField(
        max_length=128, trim_whitespace=False, help_text="The present one."
    )
    code = serializers.CharField(
        max_length=20,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of the authenticator app, when the account has two-step log-in.",
    )


class _ConfirmedView(PrivateView):
    """A door for which a token alone is not enough; tries are counted as at the log-in."""

    permission_classes = (IsAuthenticated, MayWrite)
    throttle_classes = (ReaderThrottle, LoginThrottle)
    form_class: type[Confirmation] = Confirmation

    def confirmed(self, request: ReaderApiRequest) -> dict[str, Any]:
        """Return what was sent, once it is the reader who sent it."""
        form = self.form_class(data=request.data)
        form.is_valid(raise_exception=True)
        sent: dict[str, Any] = form.validated_data
        try:
            confirm_reader(request.user, password=sent["password"], code=sent["code"])
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return sent


class NewPassword(Confirmation):
    new_password = serializers.CharField(max_length=128, trim_whitespace=False)


class PasswordView(_ConfirmedView):
    form_class = NewPassword

    @extend_schema(operation_id="change_password", request=NewPassword, responses={204: None})
    def post(self, request: ReaderApiRequest) -> Response:
        """Change the password.

        All sessions and tokens end but the one that asks. A mail says that it was changed.
        """
        new = self.confirmed(request)["new_password"]
        try:
            validate_password(new, request.user)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"new_password": error.messages}) from error
        adapter = get_adapter()
        if isinstance(request.auth, ApiToken):
            # allauth's own receiver would open a session for whoever asks.
            change_password(request.user, new, token=request.auth)
        else:
            adapter.set_password(request.user, new)
            # The session that asks goes on; `receivers` ends all else.
            update_session_auth_hash(request._request, request.user)
            password_changed.send(sender=User, request=request._request, user=request.user)
        adapter.send_notification_mail(
            "account/email/password_changed", request.user, email=request.user.email
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class LastAdministrator(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "last_administrator"


class DeletionView(_ConfirmedView):
    @extend_schema(
        operation_id="delete_account",
        request=Confirmation,
        responses={
            204: None,
            (409, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="Nobody else administers this site."
            ),
        },
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Delete the account and everything in it, at once and for good.

        A post, for clients send no body, and so no password, with DELETE.
        """
        self.confirmed(request)
        try:
            delete_account(User.objects.get(pk=request.user.pk))
        except LastSuperuser as error:
            raise LastAdministrator(str(error)) from error
        if request.auth is None:
            logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)
