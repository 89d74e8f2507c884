"""API doors to a reader's shelves."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from accounts.fields import TextField
from accounts.requests import ReaderApiRequest
from ratings.api_parts import (
    ListedBook,
    NewestFirst,
    PersonalView,
    known_book,
    visible_book,
    with_listed_books,
)
from ratings.bulk import delete_shelf, rename_shelf
from ratings.errors import InvalidShelf, ShelfReserved
from ratings.models import ShelfEntry
from ratings.profiles import shelves_shown
from ratings.services import MAX_SHELF_NAME, shelf_name, shelve_book, unshelve_book


class ShelfOutput(serializers.Serializer):
    name = serializers.CharField()
    # False: one of to_read, reading and abandoned, of which a book stands on at most one.
    is_own = serializers.BooleanField()
    books = serializers.IntegerField()


class ShelvesOutput(serializers.Serializer):
    results = ShelfOutput(many=True)


class ShelvesView(PersonalView):
    @extend_schema(operation_id="list_shelves", responses=ShelvesOutput)
    def get(self, request: ReaderApiRequest) -> Response:
        """The reader's shelves, with how many books stand on each."""
        counts = shelves_shown(request.user)
        states = {state: counts.pop(state, 0) for state in ShelfEntry.Shelf.values}
        return Response(
            {
                "results": [
                    {"name": name, "is_own": name not in states, "books": n_books}
                    for name, n_books in (states | counts).items()
                ]
            }
        )


class ShelfOfEverybody(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "Every reader has this shelf: it keeps its name and is never deleted."
    default_code = "shelf_of_everybody"


_EVERYBODYS = {
    (409, "application/problem+json"): OpenApiResponse(
        OpenApiTypes.OBJECT, description="to_read, reading and abandoned are every reader's."
    )
}


class ShelfNameInput(serializers.Serializer):
    name = TextField(required=False, help_text=f"Of 1 to {MAX_SHELF_NAME} characters.")

    def validate_name(self, name: str) -> str:
        try:
            return shelf_name(name)
        except InvalidShelf as error:
            raise ValidationError(str(error)) from error


class ListedEntry(ListedBook):
    added_at = serializers.DateTimeField(allow_null=True)


@extend_schema_view(get=extend_schema(operation_id="list_shelf"))
class ShelfView(PersonalView, ListAPIView):
    """The books on one of the reader's shelves, those put there last first."""

    serializer_class = ListedEntry
    pagination_class = NewestFirst
    queryset = ShelfEntry.objects.none()

    def get_queryset(self) -> Any:
        shelf = _named(self.kwargs["shelf"])
        entries = ShelfEntry.objects.filter(user=self.request.user, shelf=shelf)
        if shelf not in ShelfEntry.Shelf.values and not entries.exists():
            raise NotFound("You have no such shelf.")
        return with_listed_books(entries)

    @extend_schema(
        operation_id="rename_shelf",
        request=ShelfNameInput,
        responses={200: ShelfOutput, **_EVERYBODYS},
    )
    def patch(self, request: ReaderApiRequest, shelf: str) -> Response:
        """Give a shelf of the reader's own another name.

        Where they have a shelf of that name already, the two become one. Without a name nothing
        is changed.
        """
        old = self._own(shelf)
        form = ShelfNameInput(data=request.data)
        form.is_valid(raise_exception=True)
        name = form.validated_data.get("name", old)
        try:
            rename_shelf(user=request.user, shelf=old, name=name)
        except ShelfReserved as error:
            raise ShelfOfEverybody(str(error)) from error
        except InvalidShelf as error:
            raise NotFound("You have no such shelf.") from error
        n_books = shelves_shown(request.user).get(name, 0)
        return Response({"name": name, "is_own": True, "books": n_books})

    @extend_schema(operation_id="delete_shelf", request=None, responses={204: None, **_EVERYBODYS})
    def delete(self, request: ReaderApiRequest, shelf: str) -> Response:
        """Take all books off a shelf of the reader's own, which ends it."""
        try:
            delete_shelf(user=request.user, shelf=self._own(shelf))
        except InvalidShelf as error:
            raise NotFound("You have no such shelf.") from error
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _own(self, shelf: str) -> str:
        name = _named(shelf)
        if name in ShelfEntry.Shelf.values:
            raise ShelfOfEverybody
        return name

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        # What is after the slash was meant for a book.
        if "/" in kwargs["shelf"]:
            raise NotFound("There is no such book.")
        return super().http_method_not_allowed(request, *args, **kwargs)


class EntryOutput(serializers.Serializer):
    book = serializers.IntegerField(source="book_id")
    shelf = serializers.CharField()
    added_at = serializers.DateTimeField(allow_null=True)


class ShelfEntryView(PersonalView):
    @extend_schema(operation_id="get_shelf_entry", responses=EntryOutput)
    def get(self, request: ReaderApiRequest, shelf: str, book_id: int) -> Response:
        """A book on the shelf."""
        entry = ShelfEntry.objects.filter(
            user=request.user, book=visible_book(book_id), shelf=_named(shelf)
        ).first()
        if entry is None:
            raise NotFound("This book is not on the shelf.")
        return Response(EntryOutput(entry).data)

    @extend_schema(operation_id="shelve_book", request=None, responses=EntryOutput)
    def put(self, request: ReaderApiRequest, shelf: str, book_id: int) -> Response:
        """Put a book on to_read, reading, abandoned, or a shelf of any other name.

        The first three exclude each other. A shelf is there as long as a book is on it.
        """
        try:
            entry = shelve_book(user=request.user, book=visible_book(book_id), shelf=shelf)
        except InvalidShelf as error:
            raise ValidationError({"shelf": [str(error)]}) from error
        return Response(EntryOutput(entry).data)

    @extend_schema(operation_id="unshelve_book", request=None, responses={204: None})
    def delete(self, request: ReaderApiRequest, shelf: str, book_id: int) -> Response:
        """Take a book off the shelf; may be repeated."""
        unshelve_book(user=request.user, book=known_book(book_id), shelf=_named(shelf))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _named(name: str) -> str:
    try:
        return shelf_name(name)
    except InvalidShelf as error:
        raise NotFound("You have no such shelf.") from error
