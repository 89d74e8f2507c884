"""API doors to the rows of an import: what became of each, and what the reader decides of it."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from accounts.fields import WholeNumberField
from accounts.parameters import one_of, read_params
from accounts.requests import ReaderApiRequest
from ratings.api_parts import (
    MAX_ID,
    NOT_FOUND,
    NewestFirst,
    PersonalView,
    visible_book,
)
from ratings.errors import ImportNotPossible
from ratings.library_import import report
from ratings.library_import.choosing import choose_book, reopen_row, skip_row
from ratings.models import ImportRow, LibraryImport
from ratings.polling import Conflict

MAX_QUERY = 200
_OUTCOME = OpenApiParameter(
    "outcome", str, enum=ImportRow.Outcome.values, description="Of this outcome only."
)

_SEARCH = OpenApiParameter(
    "search", str, description="Look for these words instead of what the row says."
)


class BookOfRow(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()


class ImportedRow(serializers.Serializer):
    line = serializers.IntegerField(help_text="Of the file, counted from 1; names the row.")
    title = serializers.CharField(allow_blank=True, help_text="As it stands in the file.")
    author = serializers.CharField(allow_blank=True, help_text="As it stands in the file.")
    outcome = serializers.ChoiceField(choices=ImportRow.Outcome.choices)
    messages = serializers.SerializerMethodField(help_text="What there is to say, for people.")
    book = BookOfRow(allow_null=True, help_text="What the row was taken for.")
    is_chosen = serializers.BooleanField(help_text="Whether the book was chosen by hand.")

    def get_messages(self, row: ImportRow) -> list[str]:
        return row.message.splitlines()


class Cell(serializers.Serializer):
    column = serializers.CharField()
    text = serializers.CharField()


class RowInFull(ImportedRow):
    cells = Cell(many=True, help_text="What the row says, while there is something to decide.")
    likely_books = BookOfRow(many=True, help_text="Of a row that needs review: those that fit.")


class ChoiceInput(serializers.Serializer):
    book = WholeNumberField(min_value=1, max_value=MAX_ID)


class _ByLine(NewestFirst):
    ORDERINGS: ClassVar[dict[str, str]] = {"first": "line", "last": "-line"}
    ordered_by = "By the line of the file."


@extend_schema_view(get=extend_schema(operation_id="list_import_rows", parameters=[_OUTCOME]))
class ImportRowsView(PersonalView, ListAPIView):
    """What became of the rows of an import, in the order of the file."""

    serializer_class = ImportedRow
    pagination_class = _ByLine
    queryset = ImportRow.objects.none()

    def get_queryset(self) -> Any:
        params = read_params(self.request, [_OUTCOME])
        outcome = one_of(params, "outcome", ImportRow.Outcome.values)
        found = report.import_or_404(self.request.user, self.kwargs["import_id"])
        return report.rows_with(found, outcome or "")


class ImportRowView(PersonalView):
    @extend_schema(
        operation_id="get_import_row",
        parameters=[_SEARCH],
        responses=RowInFull,
    )
    def get(self, request: ReaderApiRequest, import_id: int, line: int) -> Response:
        """A row with what it says, and the books that it may mean."""
        found = report.import_or_404(request.user, import_id)
        row = report.row_or_404(found, line)
        params = read_params(request, [_SEARCH])
        query = params.get("search", "")[:MAX_QUERY].replace("\0", " ").strip()
        is_open = found.status == LibraryImport.Status.DONE and found.has_rows
        is_open = is_open and row.outcome == ImportRow.Outcome.NEEDS_REVIEW
        return Response(
            ImportedRow(row).data
            | {
                "cells": [
                    {"column": column, "text": text}
                    for column, text in report.cells_by_column(found, row)
                ],
                "likely_books": BookOfRow(
                    report.likely_books(row, query) if is_open else [], many=True
                ).data,
            }
        )


class _DecisionView(PersonalView):
    may_conflict: ClassVar[bool] = True

    def decided(
        self,
        request: ReaderApiRequest,
        import_id: int,
        line: int,
        decide: Callable[[QuerySet[ImportRow]], ImportRow],
    ) -> Response:
        """Do what is decided of a row, and tell the row as it is then."""
        try:
            row = decide(report.row_of(request.user, import_id, line))
        except ImportRow.DoesNotExist as error:
            raise NotFound from error
        except ImportNotPossible as error:
            raise Conflict(str(error)) from error
        return Response(ImportedRow(row).data)


class ChooseBookView(_DecisionView):
    @extend_schema(
        operation_id="choose_book_of_row",
        request=ChoiceInput,
        responses={200: ImportedRow, **NOT_FOUND},
    )
    def post(self, request: ReaderApiRequest, import_id: int, line: int) -> Response:
        """Say which book a row means, and do what the row says. Later files are read alike."""

        form = ChoiceInput(data=request.data)
        form.is_valid(raise_exception=True)
        book = visible_book(form.validated_data["book"])
        return self.decided(
            request, import_id, line, lambda rows: choose_book(rows=rows, book=book)
        )


class SkipRowView(_DecisionView):
    @extend_schema(operation_id="skip_import_row", request=None, responses=ImportedRow)
    def post(self, request: ReaderApiRequest, import_id: int, line: int) -> Response:
        """Say that a row which needs review is not wanted."""
        return self.decided(request, import_id, line, lambda rows: skip_row(rows=rows))


class ReopenRowView(_DecisionView):
    @extend_schema(operation_id="reopen_import_row", request=None, responses=ImportedRow)
    def post(self, request: ReaderApiRequest, import_id: int, line: int) -> Response:
        """Take a choice or a skip back: what the row changed is undone, and it is asked again."""
        return self.decided(request, import_id, line, lambda rows: reopen_row(rows=rows))
