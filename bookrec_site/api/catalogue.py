"""What every door of the API to the catalogue has in common."""

from typing import Any, ClassVar

from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookrec_site.api.conditional import conditional


@method_decorator(conditional, name="dispatch")
class CatalogueView(APIView):
    """A door that shows everybody the same.

    An answer may be kept by any cache, but not be shown again before it was asked for anew with
    its `ETag`: a book that a curator hides is gone at the next request. There is no true
    `Last-Modified`: nothing notes when a book, its names and its place in lists changed last.
    """

    permission_classes = (AllowAny,)
    # For the description.
    may_be_unchanged: ClassVar[bool] = True

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code == status.HTTP_200_OK:
            answer["Cache-Control"] = "public, no-cache"
            # What compresses says so only of what it compressed, and a 304 is never that.
            patch_vary_headers(answer, ["Accept-Encoding"])
        return answer
