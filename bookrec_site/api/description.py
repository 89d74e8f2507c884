"""The API's description, and two pages that show it; all of it from this site."""

from functools import cache
from typing import Any

from csp.constants import NONCE, SELF
from csp.decorators import csp_replace
from django.utils import translation
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookrec_site.api.conditional import conditional

# Both draw with styles of their own making; Redoc searches in a worker that it makes, too.
_SWAGGER_POLICY = {"style-src": [SELF, "'unsafe-inline'"], "img-src": [SELF, "data:"]}
_REDOC_POLICY = {
    **_SWAGGER_POLICY,
    "script-src": [SELF, NONCE],
    "worker-src": [SELF, "blob:"],
}


@cache
def description() -> dict[str, Any]:
    """Return the OpenAPI document, made once in a process, in English."""
    with translation.override("en-gb"):
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]
        document: dict[str, Any] = generator.get_schema(  # type: ignore[no-untyped-call]
            request=None, public=True
        )
    return document


@method_decorator(conditional, name="dispatch")
@extend_schema(exclude=True)
class DescriptionView(APIView):
    """OpenAPI 3 as JSON, or as YAML with `?format=yaml` or by `Accept`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    )

    def get(self, request: Request) -> Response:
        return Response(description())


@method_decorator(csp_replace(_SWAGGER_POLICY), name="dispatch")
@extend_schema(exclude=True)
class SwaggerView(SpectacularSwaggerSplitView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    url_name = "api_schema"
    # OPTIONS would be drawn as the page, which has nothing to draw then.
    metadata_class = None


@method_decorator(csp_replace(_REDOC_POLICY), name="dispatch")
@extend_schema(exclude=True)
class RedocView(SpectacularRedocView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    url_name = "api_schema"
    metadata_class = None
    # The library's own page asks Google for fonts.
    template_name = "api/redoc.html"
