"""What the API answers of the catalogue."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import Book, BookGenre
from catalog.search import Kind
from catalog.selectors import load_cards
from catalog.templatetags.books import photo_url

_HISTOGRAM = {
    "type": "object",
    "properties": {str(stars): {"type": "integer", "minimum": 0} for stars in range(1, 6)},
    "required": [str(stars) for stars in range(1, 6)],
}


def load_for_answers(books: Iterable[Book]) -> None:
    """Load what `BookAnswer` shows beside the books' own rows: three queries."""
    books = list(books)
    load_cards(books)
    prefetch_related_objects(
        books, Prefetch("book_genres", BookGenre.objects.select_related("genre"))
    )


class AuthorOfBook(serializers.Serializer):
    id = serializers.IntegerField(source="author_id")
    name = serializers.CharField(source="author.name")


class SeriesOfBook(serializers.Serializer):
    id = serializers.IntegerField(source="series_id")
    name = serializers.CharField(source="series.name")
    label = serializers.CharField(  # type: ignore[assignment]  # a field, and no attribute
        help_text='As printed: "1", "0.5", "1-3"; perhaps empty.'
    )


class GenreOfBook(serializers.Serializer):
    slug = serializers.CharField(source="genre.slug")
    name = serializers.CharField(source="genre.name")


class BookAnswer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    original_title = serializers.CharField(help_text="Perhaps empty.")
    authors = AuthorOfBook(many=True, source="authorships")
    series = SeriesOfBook(many=True, source="volumes")
    genres = GenreOfBook(many=True, source="book_genres", help_text="The most fitting first.")
    year = serializers.IntegerField(
        source="publication_year", allow_null=True, help_text="Negative before the common era."
    )
    language = serializers.CharField(help_text="ISO 639-2/B, such as eng; empty when unknown.")
    average_rating = serializers.FloatField(allow_null=True, help_text="Of Goodreads' readers.")
    ratings_count = serializers.IntegerField(help_text="By Goodreads' readers.")
    cover_url = serializers.SerializerMethodField()

    def get_cover_url(self, book: Book) -> str | None:
        return photo_url(book) or None


class TagOfBook(serializers.Serializer):
    id = serializers.IntegerField(source="tag_id")
    name = serializers.CharField(source="tag.name")
    label = serializers.CharField(  # type: ignore[assignment]
        source="tag.label", help_text="The name as people write it."
    )
    count = serializers.IntegerField(help_text="How many Goodreads readers shelved it so.")


class Description(serializers.Serializer):
    text = serializers.CharField(source="description")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field, and no attribute
        choices=[value for value in Book.DescriptionSource.values if value],
        source="description_source",
    )


class BookDetail(BookAnswer):
    isbn10 = serializers.CharField(help_text="Perhaps empty.")
    isbn13 = serializers.CharField(help_text="Perhaps empty.")
    tags = serializers.SerializerMethodField()
    description = serializers.SerializerMethodField()
    goodreads_histogram = serializers.SerializerMethodField()
    site_histogram = serializers.SerializerMethodField()

    @extend_schema_field(TagOfBook(many=True))
    def get_tags(self, book: Book) -> Any:
        """Those that say something, the most used first."""
        return TagOfBook(self.context["tags"], many=True).data

    @extend_schema_field(Description(allow_null=True))
    def get_description(self, book: Book) -> Any:
        return Description(book).data if book.description and book.description_source else None

    @extend_schema_field(_HISTOGRAM)
    def get_goodreads_histogram(self, book: Book) -> dict[str, int]:
        return {str(stars): getattr(book, f"stars_{stars}") for stars in range(1, 6)}

    @extend_schema_field(_HISTOGRAM)
    def get_site_histogram(self, book: Book) -> dict[str, int]:
        counts: list[int] = self.context["site_histogram"]
        return {str(stars): count for stars, count in enumerate(counts, start=1)}


class SuggestionAnswer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    id = serializers.IntegerField(source="pk")
    text = serializers.CharField()


class NextPage(serializers.Serializer):
    next = serializers.URLField(allow_null=True, help_text="Address of the next page, if any.")


class BookPage(NextPage):
    results = BookAnswer(many=True)


class BookList(BookPage):
    reading = serializers.CharField(
        required=False,
        help_text="Of a search that nothing answers as it was typed: what `results` are of.",
    )
    suggestions = SuggestionAnswer(
        many=True, required=False, help_text="Of a search: what was perhaps meant; at most seven."
    )


class SimilarBooks(serializers.Serializer):
    results = BookAnswer(many=True)


class RatedBook(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    authors = AuthorOfBook(many=True, source="authorships")
    average_rating = serializers.FloatField(allow_null=True)
    ratings_count = serializers.IntegerField()


class TitleFound(serializers.Serializer):
    match = serializers.ChoiceField(choices=["exact"])
    book = RatedBook()
    results = RatedBook(many=True, help_text="Five similar books, the closest first.")


class BookTitle(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    title = serializers.CharField(source="text")


class TitleNotFound(serializers.Serializer):
    match = serializers.ChoiceField(choices=["near_miss"])
    suggestions = BookTitle(many=True, help_text="At most seven, the likeliest first.")


class AuthorAnswer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    books = serializers.IntegerField(source="n_books", help_text="How many are in the catalogue.")


class SeriesAnswer(AuthorAnswer):
    pass


class SeriesOfAuthorAnswer(serializers.Serializer):
    id = serializers.IntegerField(source="series.pk")
    name = serializers.CharField(source="series.name")
    books = serializers.IntegerField(source="n_books", help_text="How many are of this author.")


class AuthorDetail(AuthorAnswer, BookPage):
    series = SeriesOfAuthorAnswer(many=True, help_text="The fullest first.")


class VolumeAnswer(serializers.Serializer):
    label = serializers.CharField(  # type: ignore[assignment]
        help_text='As printed: "1", "0.5", "1-3"; perhaps empty.'
    )
    number = serializers.FloatField(
        allow_null=True, help_text="null: no single one, as of an omnibus."
    )
    book = BookAnswer()


class SeriesDetail(SeriesAnswer, NextPage):
    results = VolumeAnswer(many=True)


class TagAnswer(AuthorAnswer):
    label = serializers.CharField(  # type: ignore[assignment]
        help_text="The name as people write it."
    )


class GenreAnswer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    books = serializers.IntegerField(source="n_books", help_text="How many are in the catalogue.")
