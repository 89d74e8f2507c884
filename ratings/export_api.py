"""API doors to everything that the site keeps of a reader, in the forms that its page offers."""

from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from accounts.requests import ReaderApiRequest
from accounts.throttling import CostlyThrottle, ReaderThrottle
from ratings.api_parts import PersonalView
from ratings.export import export_archive, goodreads_rows
from ratings.imports_api import CsvRenderer, csv_file


class ZipRenderer(BaseRenderer):
    """For the choice of a media type; what is sent is sent as it is read."""

    media_type = "application/zip"
    format = "zip"
    charset = None

    def render(self, data: object, *args: object, **kwargs: object) -> Any:
        return data


class ExportForm(serializers.Serializer):
    name = serializers.ChoiceField(choices=["everything", "goodreads"])
    media_type = serializers.ChoiceField(choices=[ZipRenderer.media_type, CsvRenderer.media_type])
    description = serializers.CharField()
    address = serializers.URLField()


class ExportForms(serializers.Serializer):
    results = ExportForm(many=True)


class ExportView(PersonalView):
    @extend_schema(operation_id="list_exports", responses=ExportForms)
    def get(self, request: ReaderApiRequest) -> Response:
        """The forms in which a reader may take their data along."""
        forms = (
            (
                "everything",
                ZipRenderer,
                "api_export_everything",
                "All that is kept of you, as JSON and as CSV files in words, in one archive.",
            ),
            (
                "goodreads",
                CsvRenderer,
                "api_export_goodreads",
                "Your library in the form of a Goodreads export, which `imports/` reads back.",
            ),
        )
        return Response(
            {
                "results": [
                    {
                        "name": name,
                        "media_type": renderer.media_type,
                        "description": description,
                        "address": request.build_absolute_uri(reverse(route)),
                    }
                    for name, renderer, route, description in forms
                ]
            }
        )


class _ExportedView(PersonalView):
    throttle_classes = (ReaderThrottle, CostlyThrottle)


class ExportEverythingView(_ExportedView):
    renderer_classes = (ZipRenderer,)

    @extend_schema(
        operation_id="export_everything",
        responses={(200, ZipRenderer.media_type): OpenApiTypes.BINARY},
    )
    def get(self, request: ReaderApiRequest) -> FileResponse:
        """Everything that the site keeps of the reader, as a ZIP file."""
        return FileResponse(
            export_archive(request.user),
            as_attachment=True,
            filename=f"bookrec-{timezone.now():%Y-%m-%d}.zip",
            content_type=ZipRenderer.media_type,
        )


class ExportGoodreadsView(_ExportedView):
    renderer_classes = (CsvRenderer,)

    @extend_schema(
        operation_id="export_goodreads",
        responses={(200, CsvRenderer.media_type): OpenApiTypes.STR},
    )
    def get(self, request: ReaderApiRequest) -> StreamingHttpResponse:
        """The reader's library in the form of a Goodreads export."""
        return csv_file(goodreads_rows(request.user), "goodreads_library_export.csv")
