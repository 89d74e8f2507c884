"""Who may pass doors of the API that ask for more than a log-in."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken

if TYPE_CHECKING:  # rest_framework.views imports permissions by the name in the settings
    from rest_framework.views import APIView


class MayWrite(BasePermission):
    """Keeps tokens that only read out of a door whole, its reads too; sessions pass."""

    message = "This token only reads."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = request.auth
        return not isinstance(token, ApiToken) or token.scope == ApiToken.Scope.WRITE
