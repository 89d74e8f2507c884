"""API doors to what a reader has read, is not interested in, and noted for themselves."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from accounts.fields import TextField, WholeNumberField
from accounts.requests import ReaderApiRequest
from ratings.api_parts import (
    MAX_ID,
    NOT_FOUND,
    ListedBook,
    NewestFirst,
    PersonalView,
    known_book,
    visible_book,
    with_listed_books,
)
from ratings.models import Dismissal, Note, Reading
from ratings.services import dismiss_book, mark_read, undo_dismissal, unmark_read, write_note


class ListedReading(ListedBook):
    # Null when the reader does not say.
    finished_on = serializers.DateField(allow_null=True)


class ReadingInput(serializers.Serializer):
    finished_on = serializers.DateField(required=False, allow_null=True, default=None)

    def validate_finished_on(self, day: date | None) -> date | None:
        # Tomorrow is today somewhere.
        if day is not None and day > timezone.now().date() + timedelta(days=1):
            raise serializers.ValidationError("This day is still to come.")
        return day


class ReadingOutput(serializers.Serializer):
    book = serializers.IntegerField(source="book_id")
    finished_on = serializers.DateField(allow_null=True)


@extend_schema_view(get=extend_schema(operation_id="list_readings"))
class ReadingsView(PersonalView, ListAPIView):
    """The books that the reader said they have read, those said last first.

    A book with stars has been read as well, and may be without an entry here.
    """

    serializer_class = ListedReading
    pagination_class = NewestFirst
    queryset = Reading.objects.none()

    def get_queryset(self) -> Any:
        return with_listed_books(Reading.objects.filter(user=self.request.user))


class ReadingView(PersonalView):
    @extend_schema(operation_id="get_reading", responses=ReadingOutput)
    def get(self, request: ReaderApiRequest, book_id: int) -> Response:
        """That a book was read, and when."""
        reading = Reading.objects.filter(user=request.user, book=visible_book(book_id)).first()
        if reading is None:
            raise NotFound("You have not said that you read this book.")
        return Response(ReadingOutput(reading).data)

    @extend_schema(operation_id="mark_read", request=ReadingInput, responses=ReadingOutput)
    def put(self, request: ReaderApiRequest, book_id: int) -> Response:
        """Say that a book was read, with or without the day; what is said last holds."""
        book = visible_book(book_id)
        form = ReadingInput(data=request.data)
        form.is_valid(raise_exception=True)
        reading = mark_read(user=request.user, book=book, **form.validated_data)
        return Response(ReadingOutput(reading).data)

    @extend_schema(operation_id="unmark_read", request=None, responses={204: None})
    def delete(self, request: ReaderApiRequest, book_id: int) -> Response:
        """Take back that a book was read; stars stay. May be repeated."""
        unmark_read(user=request.user, book=known_book(book_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ListedDismissal(ListedBook):
    created_at = serializers.DateTimeField()


class DismissalInput(serializers.Serializer):
    book = WholeNumberField(min_value=1, max_value=MAX_ID)


class DismissalOutput(serializers.Serializer):
    book = serializers.IntegerField(source="book_id")
    created_at = serializers.DateTimeField()


@extend_schema_view(get=extend_schema(operation_id="list_dismissals"))
class DismissalsView(PersonalView, ListAPIView):
    """What the reader is not interested in, the latest first."""

    serializer_class = ListedDismissal
    pagination_class = NewestFirst
    queryset = Dismissal.objects.none()

    def get_queryset(self) -> Any:
        return with_listed_books(Dismissal.objects.filter(user=self.request.user))

    @extend_schema(
        operation_id="dismiss_book",
        request=DismissalInput,
        responses={201: DismissalOutput, **NOT_FOUND},
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Hide a book from the reader's lists for good; those like it sink."""
        form = DismissalInput(data=request.data)
        form.is_valid(raise_exception=True)
        book = visible_book(form.validated_data["book"])
        dismissal = dismiss_book(user=request.user, book=book)
        return Response(DismissalOutput(dismissal).data, status=status.HTTP_201_CREATED)


class DismissalView(PersonalView):
    @extend_schema(operation_id="get_dismissal", responses=DismissalOutput)
    def get(self, request: ReaderApiRequest, book_id: int) -> Response:
        """That the reader is not interested in a book."""
        dismissal = Dismissal.objects.filter(user=request.user, book=visible_book(book_id)).first()
        if dismissal is None:
            raise NotFound("You have not dismissed this book.")
        return Response(DismissalOutput(dismissal).data)

    @extend_schema(operation_id="undo_dismissal", request=None, responses={204: None})
    def delete(self, request: ReaderApiRequest, book_id: int) -> Response:
        """Undo: let the book be recommended again. May be repeated."""
        undo_dismissal(user=request.user, book=known_book(book_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class NoteInput(serializers.Serializer):
    text = TextField(max_length=Note.MAX_LENGTH)


class NoteOutput(serializers.Serializer):
    book = serializers.IntegerField(source="book_id")
    text = serializers.CharField()
    updated_at = serializers.DateTimeField()


class ListedNote(ListedBook):
    text = serializers.CharField()
    updated_at = serializers.DateTimeField()


@extend_schema_view(get=extend_schema(operation_id="list_notes"))
class NotesView(PersonalView, ListAPIView):
    """What the reader wrote of books, for nobody else, the latest book first."""

    serializer_class = ListedNote
    pagination_class = NewestFirst
    queryset = Note.objects.none()

    def get_queryset(self) -> Any:
        return with_listed_books(Note.objects.filter(user=self.request.user))


class NoteView(PersonalView):
    @extend_schema(operation_id="get_note", responses=NoteOutput)
    def get(self, request: ReaderApiRequest, book_id: int) -> Response:
        """What the reader wrote of a book, for nobody else."""
        note = Note.objects.filter(user=request.user, book=visible_book(book_id)).first()
        if note is None:
            raise NotFound("You have written nothing of this book.")
        return Response(NoteOutput(note).data)

    @extend_schema(operation_id="write_note", request=NoteInput, responses=NoteOutput)
    def put(self, request: ReaderApiRequest, book_id: int) -> Response:
        """Write a note of a book, in place of the one that is there."""
        book = visible_book(book_id)
        form = NoteInput(data=request.data)
        form.is_valid(raise_exception=True)
        note = write_note(user=request.user, book=book, text=form.validated_data["text"])
        return Response(NoteOutput(note).data)

    @extend_schema(operation_id="remove_note", request=None, responses={204: None})
    def delete(self, request: ReaderApiRequest, book_id: int) -> Response:
        """Remove the note; may be repeated."""
        write_note(user=request.user, book=known_book(book_id), text="")
        return Response(status=status.HTTP_204_NO_CONTENT)
