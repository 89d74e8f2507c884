"""Changes to books: their values, whether they are shown, and new ones."""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q

from catalog.curation.book_values import (
    IMPORTED,
    clean_isbn,
    clean_values,
    read_values,
    write_values,
)
from catalog.curation.errors import CurationError
from catalog.curation.journal import Curator, Subject, record, record_many
from catalog.models import Book, CurationChange, Source
from catalog.search.isbn import both_forms

# What is done to many books at once, in one transaction, and with a page that asks first.
MAX_BOOKS_AT_ONCE = 1000
# Any number that no other advisory lock has.
_ISBN_LOCK = 0x1_5B_2026


def book_subject(book: Book) -> Subject:
    return Subject(CurationChange.Subject.BOOK, book.pk, book.title, book.pk)


@transaction.atomic
def edit_book(
    book_id: int,
    values: Mapping[str, Any],
    *,
    by: Curator,
    reason: str = "",
    action: str = "edited",
    undoes: CurationChange | None = None,
) -> CurationChange | None:
    """Give a book these values (`catalog.curation.book_values`); None when it has them already.

    What an import would say otherwise from now on stays as the curator said.

    Raises
    ------
    ValidationError
        With what is wrong by the value's name.
    CurationError
        When the book is gone.
    """
    # Before the book's own lock, as the form does.
    if not values.keys().isdisjoint(("isbn13", "isbn10")):
        hold_isbns()
    book = _locked(book_id)
    cleaned = clean_values(values)
    if (
        "description_source" not in cleaned
        and cleaned.get("description", book.description) != book.description
    ):
        cleaned["description_source"] = (
            Book.DescriptionSource.CURATOR
            if cleaned["description"]
            else Book.DescriptionSource.NONE
        )
    before = read_values(book, cleaned)
    changed = {name: value for name, value in cleaned.items() if before[name] != value}
    if changed.keys() <= {"description_source"} and undoes is None:
        return None
    _refuse_same_isbn(book, changed)
    if book.merged_into_id is not None and changed.get("is_hidden") is False:
        raise ValidationError(
            {"is_hidden": f"It was merged into book {book.merged_into_id}: undo the merge."}
        )
    # What the curator's word holds for from now on, and what an import may change again.
    kept: list[str] = sorted((IMPORTED & changed.keys()) - set(book.curated))
    freed: list[str] = []
    if undoes is not None:
        kept, freed = undoes.before.get("curated") or [], undoes.after.get("curated") or []
    book.curated = sorted({*book.curated, *kept} - set(freed))
    write_values(book, changed)
    return record(
        book_subject(book),
        action,
        by=by,
        reason=reason,
        before={**{name: before[name] for name in changed}, "curated": freed},
        after={**changed, "curated": kept},
        undoes=undoes,
    )


def _locked(book_id: int) -> Book:
    book = Book.objects.select_for_update().filter(pk=book_id).first()
    if book is None:
        raise CurationError("This book is no longer in the catalogue.")
    return book


def _refuse_same_isbn(book: Book, changed: Mapping[str, Any]) -> None:
    """Raise ValidationError when a new ISBN is another book's."""
    for name in ("isbn13", "isbn10"):
        if (isbn := changed.get(name)) and (other := book_with_isbn(isbn, but=book.pk)):
            raise ValidationError({name: f"Book {other.pk}, “{other.title}”, has this ISBN."})


def hold_isbns() -> None:
    """Let who else is about to give a book an ISBN wait until this transaction's end.

    A unique index would not do: an ISBN has two forms, in two columns, and imports take what comes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ISBN_LOCK])


def book_with_isbn(isbn: str, *, but: int | None = None) -> Book | None:
    """Return a book of that ISBN in either of its forms, hidden or not."""
    forms = both_forms(isbn)
    found = Book.objects.filter(Q(isbn13__in=forms) | Q(isbn10__in=forms)).order_by("pk")
    return (found.exclude(pk=but) if but else found).first()


@transaction.atomic
def set_hidden(book_ids: Collection[int], is_hidden: bool, *, by: Curator, reason: str = "") -> int:
    """Hide books from every list, or show them again; return how many were not so already.

    Ratings and shelves stay. Three queries, however many books.

    Raises
    ------
    CurationError
        When these are more than `MAX_BOOKS_AT_ONCE`.
    """
    if len(book_ids) > MAX_BOOKS_AT_ONCE:
        raise CurationError(
            f"These are {len(book_ids):,} books; change at most {MAX_BOOKS_AT_ONCE:,} at once."
        )
    books = list(
        Book.objects.select_for_update()
        # A merged book is shown again by undoing the merge.
        .filter(pk__in=book_ids, is_hidden=not is_hidden, merged_into=None)
        .only("pk", "title")
        .order_by("pk")
    )
    Book.objects.filter(pk__in=[book.pk for book in books]).update(is_hidden=is_hidden)
    record_many(
        (
            (book_subject(book), {"is_hidden": not is_hidden}, {"is_hidden": is_hidden})
            for book in books
        ),
        "hidden" if is_hidden else "shown again",
        by=by,
        reason=reason,
    )
    return len(books)


@transaction.atomic
def add_book(values: Mapping[str, Any], *, by: Curator, reason: str = "") -> Book:
    """Add a book to the catalogue; `isbn` gives both forms of its ISBN.

    Undoing it hides the book: a reader may have rated it meanwhile.

    Raises
    ------
    ValidationError
        With what is wrong by the value's name: a title and an author are needed, and an ISBN that
        no other book has.
    """
    wanted = {"title": "", "authors": [], **values}
    errors: dict[str, Any] = {}
    isbn13 = isbn10 = ""
    try:
        isbn13 = clean_isbn(wanted.pop("isbn", ""))
        if isbn13.startswith("978"):
            isbn10 = clean_isbn(isbn13, 10)
        if isbn13:
            hold_isbns()
        if isbn13 and (other := book_with_isbn(isbn13)):
            raise ValidationError(f"Book {other.pk}, “{other.title}”, has this ISBN.")
    except ValidationError as error:
        errors["isbn"] = error.messages
    try:
        cleaned = clean_values(wanted)
    except ValidationError as error:
        errors |= error.message_dict
    if errors:
        raise ValidationError(errors)
    if cleaned.get("description"):
        cleaned["description_source"] = Book.DescriptionSource.CURATOR
    cleaned |= {"isbn13": isbn13, "isbn10": isbn10}
    book = Book.objects.create(source=Source.SITE, title=cleaned["title"])
    # Tags say no genre of a book that a curator describes: the genres are those chosen.
    book.curated = ["genres"]
    write_values(book, cleaned)
    record(
        book_subject(book),
        "added",
        by=by,
        reason=reason,
        before={"is_hidden": True},
        after={"is_hidden": False},
    )
    return book
