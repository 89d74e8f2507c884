"""Tokens of the API, as strangers send them."""

from typing import Any

from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.models import ApiToken
from accounts.selectors import token_of
from accounts.services import note_use
from accounts.throttling import WrongTokenThrottle


class TokenAuthentication(KnoxTokenAuthentication):
    """knox's, for any bytes, in one query, and with scopes.

    A token that only reads is refused here and not by a permission: no door can forget it.
    """

    def authenticate(self, request: Request) -> Any:
        try:
            found = super().authenticate(request)
            if found is not None:
                _user, token = found
                note_use(token)
                if token.scope != ApiToken.Scope.WRITE and request.method not in SAFE_METHODS:
                    raise PermissionDenied("This token only reads.")
        except (AuthenticationFailed, PermissionDenied):
            # Refused before the view's own throttles are asked: counted here, by address.
            throttle = WrongTokenThrottle()
            if not throttle.allow_request(request, None):
                raise Throttled(throttle.wait()) from None
            raise
        return found

    def authenticate_credentials(self, token: bytes) -> Any:
        found = token_of(token.decode("ascii")) if token.isalnum() else None
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        return self.validate_user(found)
