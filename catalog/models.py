"""What a book is. Knows nothing of opinions: those live in `ratings`."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from catalog.curation_models import Boost, CurationChange, EditorialEntry, EditorialList
from catalog.merge_models import DifferentBooks
from catalog.sort_keys import last_name_key, title_key
from catalog.telling_tags import tag_label

__all__ = [
    "Author",
    "Authorship",
    "Book",
    "BookGenre",
    "BookTag",
    "Boost",
    "CatalogChange",
    "CurationChange",
    "DataImport",
    "DifferentBooks",
    "EditorialEntry",
    "EditorialList",
    "Genre",
    "Series",
    "Source",
    "Tag",
    "Volume",
]


class Source(models.TextChoices):
    """Where a catalogue record came from."""

    GOODBOOKS = "goodbooks", "goodbooks-10k"
    BUILTIN = "builtin", "built-in set"
    SITE = "site", "added by a curator"


class Author(models.Model):
    name = models.CharField(max_length=250, unique=True)
    sort_key = last_name_key()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["sort_key", "name", "id"], name="author_by_last_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("author", args=[self.pk])


class Series(models.Model):
    name = models.CharField(max_length=250, unique=True)
    sort_key = title_key()

    class Meta:
        verbose_name_plural = "series"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["sort_key", "name", "id"], name="series_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("series", args=[self.pk])


class Genre(models.Model):
    """One of a short, curated list; tags are what readers typed, genres are what we browse by."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60, unique=True)

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A shelf name that readers gave to books, as they typed it."""

    name = models.CharField(max_length=120, unique=True)
    genre = models.ForeignKey(
        Genre, null=True, blank=True, on_delete=models.SET_NULL, related_name="tags"
    )
    # A curator chose the genre, or that it is none: imports leave it alone.
    genre_is_curated = models.BooleanField(db_default=False, default=False, editable=False)
    # Another spelling of that tag, which stands for it wherever tags are shown or learned from.
    synonym_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="synonyms"
    )
    # About the reader, not the book ("to-read"): shown nowhere, learned from nowhere. Beside these
    # there are those that `catalog.telling_tags` leaves out by rule.
    is_blocked = models.BooleanField("blocked", db_default=False, default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(synonym_of__isnull=True) | ~Q(synonym_of=F("id")),
                name="tag_is_no_synonym_of_itself",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["id"], name="tag_blocked", condition=Q(is_blocked=True)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """The name as people write it: shelves on Goodreads have hyphens for spaces."""
        return tag_label(self.name)


class Book(models.Model):
    class DescriptionSource(models.TextChoices):
        NONE = "", "none"
        LANGUAGE_MODEL = "language_model", "written by a language model"
        CURATOR = "curator", "written by a curator"

    source = models.CharField(max_length=16, choices=Source.choices, default=Source.SITE)
    # The book's number in the data set it came from (goodbooks `book_id`, 1..10000).
    external_id = models.BigIntegerField(null=True, blank=True, editable=False)
    goodreads_book_id = models.BigIntegerField(null=True, blank=True)
    best_book_id = models.BigIntegerField(null=True, blank=True)
    work_id = models.BigIntegerField(null=True, blank=True)
    isbn10 = models.CharField("ISBN-10", max_length=10, blank=True)
    isbn13 = models.CharField("ISBN-13", max_length=13, blank=True)

    # Without the "(Series, #n)" that Goodreads appends: that is in `volumes`.
    title = models.CharField(max_length=400)
    original_title = models.CharField(max_length=400, blank=True)
    # Negative for years before the common era.
    publication_year = models.SmallIntegerField(null=True, blank=True)
    # ISO 639-2/B code as in goodbooks ("eng", "ger"); empty when unknown.
    language = models.CharField(max_length=8, blank=True)
    cover_url = models.URLField(max_length=300, blank=True)
    # A curator's upload in the default storage, re-encoded; shown before `cover_url`.
    cover = models.CharField(max_length=120, blank=True, editable=False)
    description = models.TextField(blank=True)
    description_source = models.CharField(
        max_length=16, choices=DescriptionSource.choices, blank=True, default=""
    )
    editions_count = models.PositiveIntegerField(default=0)

    # Goodreads-wide figures of the data set; the site's own readers are counted from `ratings`.
    average_rating = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    ratings_count = models.PositiveIntegerField(default=0)
    text_reviews_count = models.PositiveIntegerField(default=0)
    stars_1 = models.PositiveIntegerField(default=0)
    stars_2 = models.PositiveIntegerField(default=0)
    stars_3 = models.PositiveIntegerField(default=0)
    stars_4 = models.PositiveIntegerField(default=0)
    stars_5 = models.PositiveIntegerField(default=0)

    is_hidden = models.BooleanField(default=False, help_text="Kept, but shown in no list.")
    # What curators changed, by the names of `catalog.curation.books`: imports leave it alone.
    curated = ArrayField(models.CharField(max_length=24), default=list, editable=False)
    # The book that this one turned out to be: it has the opinions now. Written by
    # `ratings.book_merges`; `catalog.merged` follows it.
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="merged_books",
        db_index=False,
    )
    # Lower case, no accents: title, original title, series, authors, ISBNs. Written by services.
    search_text = models.TextField(blank=True, editable=False)

    authors = models.ManyToManyField(Author, through="Authorship", related_name="books")
    series = models.ManyToManyField(Series, through="Volume", related_name="books")
    tags = models.ManyToManyField(Tag, through="BookTag", related_name="books")
    genres = models.ManyToManyField(Genre, through="BookGenre", related_name="books")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="book_external_id_unique"
            ),
            models.CheckConstraint(
                condition=Q(source="site", external_id__isnull=True)
                | Q(external_id__isnull=False) & ~Q(source="site"),
                name="book_external_id_iff_imported",
            ),
            models.CheckConstraint(condition=~Q(title=""), name="book_title_not_empty"),
            models.CheckConstraint(
                condition=Q(average_rating__isnull=True) | Q(average_rating__range=(0, 5)),
                name="book_average_rating_in_0_to_5",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | Q(is_hidden=True),
                name="book_merged_is_hidden",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")),
                name="book_merged_into_another",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Counts and sorts what readers may see without reading the books themselves.
            models.Index(
                F("ratings_count").desc(),
                "id",
                name="book_by_popularity",
                condition=Q(is_hidden=False),
            ),
            # Counts what the browse page filters by, likewise.
            models.Index(
                fields=["language", "publication_year", "id"],
                name="book_by_language",
                condition=Q(is_hidden=False),
            ),
            models.Index(fields=["goodreads_book_id"], name="book_by_goodreads_id"),
            models.Index(fields=["isbn13"], name="book_by_isbn13"),
            # Few: what an import has to spare.
            models.Index(fields=["id"], name="book_curated", condition=~Q(curated=[])),
            # Nearly always empty: what every list has to leave out.
            models.Index(fields=["id"], name="book_hidden", condition=Q(is_hidden=True)),
            models.Index(
                fields=["merged_into"],
                name="book_merged",
                condition=Q(merged_into__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("book", args=[self.pk])


class Authorship(models.Model):
    """An author of a book and their place in the order of names on the cover."""

    book = models.ForeignKey(
        Book, on_delete=models.CASCADE, related_name="authorships", db_index=False
    )
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="authorships")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["book", "author"], name="authorship_unique"),
            models.UniqueConstraint(fields=["book", "position"], name="authorship_position_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.author_id} wrote {self.book_id}"


class Volume(models.Model):
    """A book's place in a series."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="volumes", db_index=False)
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="volumes")
    # As printed: "1", "0.5", "1-3"; empty when the book is in the series without a number.
    label = models.CharField(max_length=40, blank=True)
    # The number when the label is a single one; null for omnibus editions ("1-3").
    number = models.DecimalField(max_digits=7, decimal_places=2, null=True, blank=True)
    # 0 for the first series named in the title, which is the one that ranking looks at.
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["book", "series"], name="volume_unique"),
            models.UniqueConstraint(fields=["book", "position"], name="volume_position_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.series_id} #{self.label}"


class BookTag(models.Model):
    """How many Goodreads readers put the book on a shelf of that name."""

    book = models.ForeignKey(
        Book, on_delete=models.CASCADE, related_name="book_tags", db_index=False
    )
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="book_tags")
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["book", "tag"], name="book_tag_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.book_id}: {self.count}"


class BookGenre(models.Model):
    """A genre of a book; share is its part of the book's genre shelvings, 0..1."""

    book = models.ForeignKey(
        Book, on_delete=models.CASCADE, related_name="book_genres", db_index=False
    )
    genre = models.ForeignKey(Genre, on_delete=models.CASCADE, related_name="book_genres")
    share = models.FloatField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-share"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["book", "genre"], name="book_genre_unique"),
            models.CheckConstraint(
                condition=Q(share__gt=0, share__lte=1), name="book_genre_share_in_0_to_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.genre_id} {self.share:.2f} of {self.book_id}"


class CatalogChange(models.Model):
    """A statement that changed what books are found by; triggers write these.

    Their ids never come twice, so how many there were ever and the sum of their ids tell every
    state that another session can see from every other, in whatever order transactions end.
    `versions.fold_changes` puts one row in the place of many, which keeps both.
    """

    # Of the changes that a row stands for: how many, and the sum of their ids. Null: itself alone.
    number = models.BigIntegerField(null=True, editable=False)
    total = models.BigIntegerField(null=True, editable=False)

    def __str__(self) -> str:
        return f"change {self.pk}"


class DataImport(models.Model):
    """A finished import of a data set; what tells `make demo` that nothing is left to do."""

    source = models.CharField(max_length=16, choices=Source.choices)
    # SHA-256 over names and contents of the files read.
    digest = models.CharField(max_length=64)
    finished_at = models.DateTimeField(auto_now_add=True)
    # Per file: read, added, updated, unchanged, skipped.
    counts = models.JSONField(default=dict)

    class Meta:
        get_latest_by = "id"

    def __str__(self) -> str:
        return f"{self.source} {self.finished_at:%Y-%m-%d %H:%M}"
