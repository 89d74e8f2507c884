"""API doors to libraries that a reader brings along: upload, watch, take what failed, undo."""

import hashlib
from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.requests import ReaderApiRequest
from accounts.throttling import CostlyThrottle, ReaderThrottle
from ratings.api_parts import NewestFirst, PersonalView
from ratings.errors import ImportNotPossible, ImportUnderWay, LibraryFileError
from ratings.keyed_requests import KEY_PARAMETER, KEY_REUSED, done_once
from ratings.library_import import report
from ratings.library_import.limits import max_bytes
from ratings.library_import.requests import can_undo, request_import, request_undo, too_large
from ratings.models import ImportRow, LibraryImport
from ratings.polling import (
    ACCEPTED_PARAMETERS,
    NOT_MODIFIED,
    POLL_PARAMETERS,
    Conflict,
    PolledView,
    told_by,
)

# What a request says besides the file: boundaries, names, the other field.
_AROUND_THE_FILE = 2**16


class OutcomeCounts(serializers.Serializer):
    """How many rows came to which end; of an import under way, those that are done."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {
            outcome: serializers.IntegerField(min_value=0) for outcome in ImportRow.Outcome.values
        }

    def to_representation(self, counts: dict[str, int]) -> dict[str, int]:
        return {outcome: counts.get(outcome, 0) for outcome in ImportRow.Outcome.values}


class Import(serializers.Serializer):
    id = serializers.IntegerField()
    file_name = serializers.CharField()
    format = serializers.ChoiceField(choices=LibraryImport.Format.choices)
    replace_stars = serializers.BooleanField(
        help_text="Whether stars of the file take the place of those given here."
    )
    status = serializers.ChoiceField(
        choices=LibraryImport.Status.choices,
        help_text="queued, running and undoing are under way; the others are an end.",
    )
    problem = serializers.CharField(
        allow_blank=True, help_text="What went wrong with the whole of it; mostly empty."
    )
    n_rows = serializers.IntegerField(help_text="Rows of the file.")
    n_done = serializers.IntegerField(help_text="Rows that are imported, or undone.")
    progress = serializers.SerializerMethodField(help_text="n_done / n_rows.")
    counts = OutcomeCounts()
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    can_undo = serializers.SerializerMethodField()
    has_rows = serializers.BooleanField(
        help_text="Whether is still known what became of each row: for 90 days, of ten imports."
    )

    def get_progress(self, library_import: LibraryImport) -> float:
        return round(library_import.n_done / library_import.n_rows, 4)

    def get_can_undo(self, library_import: LibraryImport) -> bool:
        return can_undo(library_import)


class ImportInput(serializers.Serializer):
    file = serializers.FileField(
        allow_empty_file=True, help_text="A CSV file as Goodreads or The StoryGraph exports it."
    )
    replace_stars = serializers.BooleanField(required=False, default=False)


class FileTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class CsvRenderer(BaseRenderer):
    """For the choice of a media type; what is sent is sent as it is read."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: object, *args: object, **kwargs: object) -> Any:
        return data


@extend_schema_view(get=extend_schema(operation_id="list_imports"))
class ImportsView(PolledView, ListAPIView):
    """The libraries that the reader brought along, the latest first."""

    serializer_class = Import
    pagination_class = NewestFirst
    queryset = LibraryImport.objects.none()
    parser_classes = (MultiPartParser,)
    may_conflict: ClassVar[bool] = True

    def get_throttles(self) -> list[Any]:
        throttles = (ReaderThrottle, CostlyThrottle)
        return (
            [each() for each in throttles]
            if self.request.method == "POST"
            else super().get_throttles()
        )

    def get_queryset(self) -> Any:
        return report.imports_of(self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what is too large before a byte of it is read."""
        length = request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length[:18]) > max_bytes() + _AROUND_THE_FILE:
            raise FileTooLarge(too_large())
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="upload_import",
        request={"multipart/form-data": ImportInput},
        parameters=[KEY_PARAMETER, *ACCEPTED_PARAMETERS],
        responses={202: Import, **KEY_REUSED},
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Have a library imported: the file is looked through and kept, a worker does the rest.

        What is wrong with the file as a whole is answered at once and nothing is stored; what is
        wrong with a row is told in its outcome.
        """
        form = ImportInput(data=request.data)
        form.is_valid(raise_exception=True)
        upload, replace_stars = form.validated_data["file"], form.validated_data["replace_stars"]
        if upload.size > max_bytes():
            raise FileTooLarge(too_large())
        content = upload.read()

        def work() -> dict[str, Any]:
            begun = request_import(
                user=request.user,
                file_name=upload.name,
                content=content,
                replace_stars=replace_stars,
            )
            return told_by(Import, begun)

        asked = [hashlib.sha256(content).hexdigest(), upload.name, replace_stars]
        try:
            told, headers = done_once(request, asked, work)
        except LibraryFileError as error:
            raise ValidationError({"file": [str(error)]}) from error
        except ImportUnderWay as error:
            raise under_way(request, error) from error
        return self.taken_up(told, import_address(request, told["id"]), headers=headers)


class ImportView(PolledView):
    @extend_schema(
        operation_id="get_import",
        parameters=POLL_PARAMETERS,
        responses={200: Import, **NOT_MODIFIED},
    )
    def get(self, request: ReaderApiRequest, import_id: int) -> Response:
        """How far an import is, or its undoing, and what became of how many rows."""
        found = report.import_or_404(request.user, import_id)
        return self.polled(request, told_by(Import, found), is_under_way=found.is_under_way)


class ImportUndoView(PolledView):
    throttle_classes = (ReaderThrottle, CostlyThrottle)
    may_conflict: ClassVar[bool] = True

    @extend_schema(
        operation_id="undo_import",
        request=None,
        parameters=ACCEPTED_PARAMETERS,
        responses={202: Import},
    )
    def post(self, request: ReaderApiRequest, import_id: int) -> Response:
        """Have everything taken back that an import changed, but for what was changed since."""
        found = report.import_or_404(request.user, import_id)
        try:
            request_undo(found)
        except ImportNotPossible as error:
            raise Conflict(str(error)) from error
        except ImportUnderWay as error:
            raise under_way(request, error) from error
        found.refresh_from_db()
        return self.taken_up(
            told_by(Import, found),
            import_address(request, found.pk),
            is_under_way=found.is_under_way,
        )


class ImportFailuresView(PersonalView):
    renderer_classes = (CsvRenderer,)

    @extend_schema(
        operation_id="download_import_failures",
        responses={(200, CsvRenderer.media_type): OpenApiTypes.STR},
    )
    def get(self, request: ReaderApiRequest, import_id: int) -> StreamingHttpResponse:
        """The rows that failed or need review, as a CSV file: to be put right and uploaded."""
        found = report.import_or_404(request.user, import_id)
        return csv_file(report.rows_to_put_right(found), "library-to-put-right.csv")


def csv_file(rows: Any, name: str) -> StreamingHttpResponse:
    """Answer with a CSV file, sent as it is read."""
    response = StreamingHttpResponse(report.csv_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def import_address(request: Request, import_id: int) -> str:
    return request.build_absolute_uri(reverse("api_import", args=[import_id]))


def under_way(request: ReaderApiRequest, error: ImportUnderWay) -> Conflict:
    """Return the refusal that names the import which is at work, unless it has just ended."""
    other = request.user.library_imports.filter(status__in=LibraryImport.UNDER_WAY).first()
    if other is None:
        return Conflict(str(error))
    return Conflict(str(error), id=other.pk, address=import_address(request, other.pk))
