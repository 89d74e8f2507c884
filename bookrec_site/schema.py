"""The API's description (OpenAPI): what every operation may answer besides what its view says."""

from typing import Any

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, AllowAny, IsAuthenticated

from bookrec_site.problem_documents import MEDIA_TYPE

_MEANINGS = {
    304: "Nothing has changed since the `ETag` in `If-None-Match`.",
    308: "The book is part of another one now: the same under the address in `Location`.",
    400: "Something of the request is not valid; `errors` names the fields.",
    401: "No token, or one that is not valid or has expired.",
    403: "Not yours to do.",
    404: "There is no such thing.",
    406: "None of the media types in `Accept` is spoken here.",
    409: "This does not go, or not now; `under_way` names what is in the way.",
    411: "The body does not say how long it is (`Content-Length`).",
    412: "It has another `ETag` than those in `If-Match`.",
    413: "The body is too long.",
    415: "The body is in a media type that is not read here.",
    429: "Too many requests; `Retry-After` says for how long to wait.",
    503: "The database cannot be reached; `Retry-After` says for how long to wait.",
}
_WITH_RETRY_AFTER = (429, 503)
_BOOK_IN_PATH = "{book_id}"


class UnderWay(serializers.Serializer):
    id = serializers.IntegerField()
    address = serializers.URLField(help_text="Where to look how far it is.")


class Problem(serializers.Serializer):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text='"about:blank": the title says all.')
    title = serializers.CharField(help_text="The phrase of the status.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong, for people.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field, and no attribute
        required=False, help_text="Of a request with wrong fields: name -> what is wrong with it."
    )
    under_way = UnderWay(
        required=False, help_text="Of a conflict: what has to end, or to be cancelled, before."
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
            ),
            *(
                [
                    OpenApiParameter(
                        "Location",
                        OpenApiTypes.URI_REF,
                        OpenApiParameter.HEADER,
                        description="Where the book is now.",
                        response=[308],
                    )
                ]
                if _BOOK_IN_PATH in self.path
                else []
            ),
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
        if getattr(self.view, "may_be_unchanged", False):
            bodies["304"] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                OpenApiResponse(description=_MEANINGS[304]), "304", direction=direction
            )
        if _BOOK_IN_PATH in self.path:
            bodies["308"] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                OpenApiResponse(description=_MEANINGS[308]), "308", direction=direction
            )
        # Views of the apps below this package describe theirs without knowing what one is.
        schema = bodies["400"]["content"][MEDIA_TYPE]["schema"]
        for body in bodies.values():
            if MEDIA_TYPE in body.get("content", {}):
                body["content"][MEDIA_TYPE]["schema"] = schema
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
        if getattr(view, "may_conflict", False) and self.method not in SAFE_METHODS:
            found.append(409)
        if getattr(view, "may_be_unchanged", False):
            found.append(412)
        if view.get_throttles():
            found.append(429)
        if self.method in ("POST", "PUT", "PATCH"):
            found += [411, 413, 415]
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


# From an answer to what is usually asked next: (operation, status) -> name -> link.
_LINKS: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    ("sign_up", "201"): {
        "log_in": {
            "operationId": "create_token",
            "requestBody": {
                "username": "$request.body#/username",
                "password": "$request.body#/password",
            },
        },
    },
    ("create_token", "200"): {
        name: {"operationId": name} for name in ("list_books", "list_recommendations")
    },
    ("rate_book", "200"): {
        "list_recommendations": {"operationId": "list_recommendations"},
        "similar": {
            "operationId": "list_similar_books",
            "parameters": {"book_id": "$response.body#/book"},
        },
    },
    ("upload_import", "202"): {
        "watch": {
            "operationId": "get_import",
            "parameters": {"import_id": "$response.body#/id"},
        },
    },
    ("start_run", "202"): {
        "watch": {"operationId": "get_run", "parameters": {"run_id": "$response.body#/id"}},
    },
    ("dismiss_book", "201"): {
        "undo": {
            "operationId": "undo_dismissal",
            "parameters": {"book_id": "$response.body#/book"},
        },
    },
    ("shelve_book", "200"): {
        name: {"operationId": name, "parameters": {"shelf": "$response.body#/shelf"}}
        for name in ("list_shelf", "rename_shelf", "delete_shelf")
    },
}


def add_links(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Write down, in the finished description, what follows on what."""
    operations = {
        operation["operationId"]: operation
        for path in result["paths"].values()
        for operation in path.values()
    }
    for (source, status), links in _LINKS.items():
        operations[source]["responses"][status]["links"] = links
    return result
