"""The API's description (OpenAPI): what every operation may answer besides what its view says."""

from typing import Any

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, AllowAny, IsAuthenticated

from bookrec_site.problems import MEDIA_TYPE

_MEANINGS = {
    400: "Something of the request is not valid; `errors` names the fields.",
    401: "No token, or one that is not valid or has expired.",
    403: "Not yours to do.",
    404: "There is no such thing.",
    406: "None of the media types in `Accept` is spoken here.",
    413: "The body is too long.",
    415: "The body is in a media type that is not read here.",
    429: "Too many requests; `Retry-After` says for how long to wait.",
    503: "The database cannot be reached; `Retry-After` says for how long to wait.",
}
_WITH_RETRY_AFTER = (429, 503)


class Problem(serializers.Serializer):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text='"about:blank": the title says all.')
    title = serializers.CharField(help_text="The phrase of the status.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong, for people.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field, and no attribute
        required=False, help_text="Of a request with wrong fields: name -> what is wrong with it."
    )


class AutoSchema(openapi.AutoSchema):
    """drf-spectacular's, with the problems that an operation may answer."""

    def get_override_parameters(self) -> list[Any]:
        return [
            OpenApiParameter(
                "Retry-After",
                int,
                OpenApiParameter.HEADER,
                description="Seconds to wait.",
                response=list(_WITH_RETRY_AFTER),
            )
        ]

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for status in self._problems():
            bodies[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                OpenApiResponse(Problem, description=_MEANINGS[status]),
                str(status),
                media_types=[MEDIA_TYPE],
                direction=direction,
            )
        return dict(sorted(bodies.items()))

    def _problems(self) -> list[int]:
        view = self.view
        permissions = {type(permission) for permission in view.get_permissions()}
        authenticators = view.get_authenticators()
        found = [400, 406, 503]
        # A cursor that leads nowhere is like an id of nothing.
        names = {parameter["name"] for parameter in self._get_parameters()}
        if "{" in self.path or "cursor" in names:
            found.append(404)
        if authenticators:
            found.append(401)
        # A session's writes need its CSRF token.
        needs_csrf = self.method not in SAFE_METHODS and any(
            isinstance(one, SessionAuthentication) for one in authenticators
        )
        if needs_csrf or permissions - {AllowAny, IsAuthenticated}:
            found.append(403)
        if view.get_throttles():
            found.append(429)
        if self.method in ("POST", "PUT", "PATCH"):
            found += [413, 415]
        return found


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tokens of accounts; found by drf-spectacular once this module is imported."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: openapi.AutoSchema) -> dict[str, Any]:
        return build_bearer_security_scheme_object(
            header_name="Authorization",
            token_prefix="Token",  # noqa: S106 - the word before one
        )
