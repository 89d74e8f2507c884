"""The site as gunicorn serves it for benchmarks/http.py: with one more view, which does nothing.

The empty view is a view of Django REST framework like the others: the same middleware, the same
authentication, permissions and throttles, the same renderer.
"""

from bookrec_site.wsgi import application  # first: it sets Django up

# isort: split
from django.conf import settings
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

__all__ = ["application"]


class EmptyView(APIView):
    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [path("api/v1/empty/", EmptyView.as_view()), path("", include("bookrec_site.urls"))]
settings.ROOT_URLCONF = __name__
