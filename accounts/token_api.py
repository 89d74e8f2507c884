"""API doors to tokens: one for a username and password, and the list of one's own."""

from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import PasswordChanged, TokenRefused
from accounts.fields import TextField, WholeNumberField
from accounts.models import ApiToken, User
from accounts.permissions import MayWrite
from accounts.private_view import PrivateView
from accounts.requests import ReaderApiRequest
from accounts.selectors import live_tokens
from accounts.services import issue_token, revoke_token
from accounts.signing_in import WRONG_LOGIN, authenticate_reader
from accounts.throttling import LoginThrottle

_SCOPE_HELP = "read: GET alone, and not the doors to tokens; write: everything that you may do."
_DAYS_HELP = (
    f"Days that it lives; {settings.TOKEN_DAYS} when none are given, {settings.TOKEN_MAX_DAYS} at "
    "most."
)


class LogInInput(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    # Asked for when the account has two-step log-in.
    code = serializers.CharField(max_length=20, required=False, allow_blank=True, default="")
    name = TextField(max_length=ApiToken.NAME_LENGTH, required=False, allow_blank=True, default="")
    scope = serializers.ChoiceField(
        ApiToken.Scope.choices, default=ApiToken.Scope.WRITE, help_text=_SCOPE_HELP
    )
    expires_in_days = WholeNumberField(
        min_value=1, max_value=settings.TOKEN_MAX_DAYS, required=False, help_text=_DAYS_HELP
    )


class TokenInput(serializers.Serializer):
    name = TextField(max_length=ApiToken.NAME_LENGTH, help_text="For you, to know it by.")
    scope = serializers.ChoiceField(ApiToken.Scope.choices, help_text=_SCOPE_HELP)
    expires_in_days = WholeNumberField(
        min_value=1, max_value=settings.TOKEN_MAX_DAYS, required=False, help_text=_DAYS_HELP
    )


class TokenOutput(serializers.Serializer):
    id = serializers.CharField(
        source="token_key", help_text="The first characters of the secret, which open nothing."
    )
    name = serializers.CharField()
    scope = serializers.ChoiceField(ApiToken.Scope.choices)
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)
    last_used_at = serializers.DateTimeField(
        allow_null=True, help_text="To about ten minutes; null: not used yet."
    )


class ListedToken(TokenOutput):
    is_this = serializers.SerializerMethodField()

    def get_is_this(self, token: ApiToken) -> bool:
        """Whether it is the token of this very request."""
        return bool(token == self.context["request"].auth)


class IssuedToken(TokenOutput):
    token = serializers.CharField(help_text="The secret, shown this once; only a digest is kept.")


class TokenList(serializers.Serializer):
    results = ListedToken(many=True)


class TokenNotMade(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "token_not_made"


_NOT_MADE = {
    (409, "application/problem+json"): OpenApiResponse(
        OpenApiTypes.OBJECT,
        description="The reader has too many tokens, or the one that asks makes none such.",
    )
}


def _issued(user: User, wishes: dict[str, Any], made_with: ApiToken | None) -> dict[str, Any]:
    try:
        token, secret = issue_token(
            user,
            name=wishes["name"],
            scope=wishes["scope"],
            days=wishes.get("expires_in_days"),
            made_with=made_with,
        )
    except PasswordChanged as error:
        raise serializers.ValidationError({"non_field_errors": [WRONG_LOGIN]}) from error
    except TokenRefused as error:
        raise TokenNotMade(str(error)) from error
    return {**TokenOutput(token).data, "token": secret}


class TokenView(PrivateView):
    """Get a token for a username or e-mail address and a password."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    @extend_schema(
        operation_id="create_token",
        request=LogInInput,
        responses={200: IssuedToken, **_NOT_MADE},
    )
    def post(self, request: Request) -> Response:
        form = LogInInput(data=request.data)
        form.is_valid(raise_exception=True)
        wishes = form.validated_data
        try:
            user = authenticate_reader(
                cast(HttpRequest, request),
                name=wishes["username"],
                password=wishes["password"],
                code=wishes["code"],
            )
        except DjangoValidationError as error:
            raise serializers.ValidationError(
                error.message_dict
                if hasattr(error, "error_dict")
                else {"non_field_errors": error.messages}
            ) from error
        return Response(_issued(user, wishes, made_with=None))


class TokensView(PrivateView):
    """The reader's tokens; their secrets are shown to nobody again."""

    permission_classes = (IsAuthenticated, MayWrite)

    @extend_schema(operation_id="list_tokens", responses={200: TokenList})
    def get(self, request: ReaderApiRequest) -> Response:
        """All that still open the API, the newest first."""
        tokens = live_tokens(request.user)
        shown = ListedToken(tokens, many=True, context={"request": request})
        return Response({"results": shown.data})

    @extend_schema(
        operation_id="make_token", request=TokenInput, responses={201: IssuedToken, **_NOT_MADE}
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Make a token.

        One that is made with another token lives no longer than that, and ends when that one is
        revoked.
        """
        form = TokenInput(data=request.data)
        form.is_valid(raise_exception=True)
        maker = request.auth if isinstance(request.auth, ApiToken) else None
        made = _issued(request.user, form.validated_data, made_with=maker)
        return Response(made, status=status.HTTP_201_CREATED)


class OwnTokenView(PrivateView):
    permission_classes = (IsAuthenticated, MayWrite)

    @extend_schema(operation_id="revoke_token", request=None, responses={204: None})
    def delete(self, request: ReaderApiRequest, token_id: str) -> Response:
        """Revoke a token, and those that were made with it."""
        if not revoke_token(request.user, token_id):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
