"""Everything that the site keeps of a reader, in words: as CSV files, as JSON, as for Goodreads.

A file of the export can be read without this site: books are named, never numbered.
"""

import csv
import io
import itertools
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.utils import timezone

from accounts.models import User
from accounts.open_sessions import open_sessions
from accounts.selectors import live_tokens
from catalog.models import Book
from catalog.selectors import load_cards
from ratings.export_tables import ExportTable, added_tables
from ratings.library_import.formulas import harmless
from ratings.library_import.goodreads import ABANDONED
from ratings.library_import.goodreads import READ as READ_SHELF
from ratings.library_import.isbns import canonical, isbn10_of
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.states import DISMISSED, NOTE, OWN, READ, SHELF, STARS, State, load_states

# The columns of a Goodreads export of today; our own import reads them back.
GOODREADS_COLUMNS: Final = (
    "Book Id", "Title", "Author", "Author l-f", "Additional Authors", "ISBN", "ISBN13",
    "My Rating", "Average Rating", "Publisher", "Binding", "Number of Pages", "Year Published",
    "Original Publication Year", "Date Read", "Date Added", "Bookshelves",
    "Bookshelves with positions", "Exclusive Shelf", "My Review", "Spoiler", "Private Notes",
    "Read Count", "Owned Copies",
)  # fmt: skip
_SHELF_NAMES: Final[Mapping[str, str]] = {
    ShelfEntry.Shelf.TO_READ: "to-read",
    ShelfEntry.Shelf.READING: "currently-reading",
    ShelfEntry.Shelf.ABANDONED: ABANDONED,
}
_BOOK: Final = ("Title", "Authors", "Year", "ISBN", "Goodreads id")
_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "ratings.csv": (*_BOOK, "Stars", "Given", "Changed"),
    "shelves.csv": (*_BOOK, "Shelf", "Added"),
    "reading.csv": (*_BOOK, "Finished on"),
    "notes.csv": (*_BOOK, "Note", "Changed"),
    "not_interested.csv": (*_BOOK, "Since"),
}
_CHUNK: Final = 500
_IN_MEMORY: Final = 2**20
_READ_ME: Final = """\
Everything that Bookrec keeps of you.

bookrec.json                   all of it
account.csv                    your account, e-mail addresses, API tokens, sessions and imports
ratings.csv                    the stars you gave
shelves.csv                    what stands on your shelves
reading.csv                    what you have read, and when you finished it
notes.csv                      your private notes
not_interested.csv             books you do not want to see
%(tables)sgoodreads_library_export.csv   your library in the form of a Goodreads export

A cell that a spreadsheet would take for a formula begins with an apostrophe. Times are in UTC.
"""


@dataclass(frozen=True)
class _Known:
    """A book of which the reader has said something, and what."""

    book: Book
    authors: list[str]
    state: State

    @property
    def isbn13(self) -> str:
        return canonical(self.book.isbn13) or canonical(self.book.isbn10)

    def in_words(self) -> tuple[str, ...]:
        """As `_BOOK` names it."""
        return (
            self.book.title,
            ", ".join(self.authors),
            _or_empty(self.book.publication_year),
            self.isbn13,
            _or_empty(self.book.goodreads_book_id),
        )


def export_archive(user: User) -> IO[bytes]:
    """Return a ZIP file of everything, at its start; the caller closes it.

    Whatever there is of books is written to disk as it is read, so memory is bounded.
    """
    account, tables = account_in_words(user), added_tables()
    about = "".join(f"{table.file_name:<31}{table.about}\n" for table in tables)
    result = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller's
    with ExitStack() as stack:
        parts: dict[str, IO[str]] = {
            name: stack.enter_context(
                SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="")
            )
            for name in (
                *_FILES,
                *(table.file_name for table in tables),
                "goodreads_library_export.csv",
                "bookrec.json",
            )
        }
        _write_books(user, account, parts)
        for table in tables:
            _write_table(user, table, parts)
        parts["bookrec.json"].write("\n}\n")
        with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("read_me.txt", _READ_ME % {"tables": about})
            archive.writestr("account.csv", _account_csv(account))
            for name, part in parts.items():
                part.seek(0)
                with archive.open(name, "w") as entry:
                    while piece := part.read(_IN_MEMORY):
                        entry.write(piece.encode())
    result.seek(0)
    return result


def goodreads_rows(user: User) -> Iterator[list[str]]:
    """Give the reader's library as rows of a Goodreads export, its header first."""
    yield list(GOODREADS_COLUMNS)
    for known in _books_of(user):
        if known.state.keys() - {DISMISSED}:
            yield [harmless(cell) for cell in _goodreads_row(known)]


def account_in_words(user: User) -> dict[str, Any]:
    """Return what is kept of the account; of secrets only that they are there."""
    return {
        "username": user.get_username(),
        "first name": user.first_name,
        "last name": user.last_name,
        "e-mail addresses": [
            {"address": email.email, "verified": email.verified, "primary": email.primary}
            for email in EmailAddress.objects.filter(user=user).order_by("-primary", "pk")
        ]
        or [{"address": user.email, "verified": False, "primary": True}],
        "joined": _iso(user.date_joined),
        "last log-in": _iso(user.last_login),
        "profile is public": user.profile_is_public,
        "ratings are public": user.ratings_are_public,
        "shelves are public": user.shelves_are_public,
        "wants recommendations": user.wants_recommendations,
        "second steps of log-in": [
            {"kind": str(step.get_type_display()), "since": _iso(step.created_at)}
            for step in Authenticator.objects.filter(user=user).order_by("pk")
        ],
        "API tokens": [
            {
                "begins with": token.token_key,
                "name": token.name,
                "scope": token.scope,
                "made": _iso(token.created),
                "ends": _iso(token.expiry),
                "last used": _iso(token.last_used_at),
            }
            for token in live_tokens(user)
        ],
        "sessions": [
            {
                "address": session.address,
                "browser": session.user_agent,
                "since": _iso(session.started_at),
                "last seen": _iso(session.last_seen_at),
            }
            for session in open_sessions(user, None)
        ],
        "imports": [
            {
                "file": past.file_name,
                "from": past.get_format_display(),
                "uploaded": _iso(past.requested_at),
                "status": past.status,
                "rows": past.n_rows,
                "outcomes": past.counts,
            }
            for past in user.library_imports.order_by("pk")
        ],
    }


def _write_books(user: User, account: dict[str, Any], parts: Mapping[str, IO[str]]) -> None:
    """Fill all parts in one pass over the reader's books."""
    tables = {name: csv.writer(parts[name]) for name in _FILES}
    for name, columns in _FILES.items():
        tables[name].writerow(columns)
    goodreads = csv.writer(parts["goodreads_library_export.csv"])
    goodreads.writerow(GOODREADS_COLUMNS)
    document = parts["bookrec.json"]
    head = {"exported": _iso(timezone.now()), "account": account}
    document.write(json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "books": [')
    between = "\n"
    for known in _books_of(user):
        document.write(between + json.dumps(_in_json(known), ensure_ascii=False))
        between = ",\n"
        for name, row in _table_rows(known):
            tables[name].writerow(harmless(cell) for cell in (*known.in_words(), *row))
        if known.state.keys() - {DISMISSED}:
            goodreads.writerow(harmless(cell) for cell in _goodreads_row(known))
    document.write("\n ]")


def _write_table(user: User, table: ExportTable, parts: Mapping[str, IO[str]]) -> None:
    """Fill the part of another app's table, and append it to the document."""
    writer, document = csv.writer(parts[table.file_name]), parts["bookrec.json"]
    writer.writerow(table.columns)
    document.write(f",\n {json.dumps(table.key)}: [")
    between = "\n"
    for row in table.rows(user):
        writer.writerow(harmless(cell) for cell in row)
        cells = dict(zip(table.columns, row, strict=True))
        document.write(between + json.dumps(cells, ensure_ascii=False))
        between = ",\n"
    document.write("\n ]")


def _books_of(user: User) -> Iterator[_Known]:
    """Give every book of which the reader has said something, by title."""
    kinds = (Rating, ShelfEntry, Reading, Note, Dismissal)
    first, *others = (
        model._default_manager.filter(user=user).order_by().values_list("book_id")
        for model in kinds
    )
    wanted = {book_id for (book_id,) in first.union(*others)}
    titled = Book.objects.filter(pk__in=wanted).order_by("title", "pk")
    numbers = iter(list(titled.values_list("pk", flat=True)))
    while chunk := list(itertools.islice(numbers, _CHUNK)):
        books = Book.objects.defer("description", "search_text").in_bulk(chunk)
        load_cards(books.values())
        states = load_states(user, chunk)
        for pk in chunk:
            if pk in books:  # It may have been deleted since.
                names = [authorship.author.name for authorship in books[pk].authorships.all()]
                yield _Known(books[pk], names, states[pk])


def _table_rows(known: _Known) -> Iterator[tuple[str, tuple[str, ...]]]:
    for aspect, value in known.state.items():
        if aspect == STARS:
            yield "ratings.csv", tuple(map(_or_empty, value))
        elif aspect == SHELF:
            yield "shelves.csv", (_SHELF_NAMES[value[0]], _or_empty(value[1]))
        elif aspect.startswith(OWN):
            yield "shelves.csv", (aspect.removeprefix(OWN), _or_empty(value[0]))
        elif aspect == READ:
            yield "reading.csv", (_or_empty(value[0]),)
        elif aspect == NOTE:
            yield "notes.csv", tuple(map(_or_empty, value))
        elif aspect == DISMISSED:
            yield "not_interested.csv", (_or_empty(value[0]),)


def _in_json(known: _Known) -> dict[str, Any]:
    book, state = known.book, known.state
    words: dict[str, Any] = {
        "title": book.title,
        "authors": known.authors,
        "series": [
            {"name": volume.series.name, "volume": volume.label} for volume in book.volumes.all()
        ],
        "year": book.publication_year,
        "isbn": known.isbn13 or None,
        "goodreads id": book.goodreads_book_id,
    }
    if STARS in state:
        stars, given, changed = state[STARS]
        words |= {"stars": stars, "stars given": given, "stars changed": changed}
    shelves = [(_SHELF_NAMES[state[SHELF][0]], state[SHELF][1])] if SHELF in state else []
    shelves += [
        (aspect.removeprefix(OWN), value[0])
        for aspect, value in state.items()
        if aspect.startswith(OWN)
    ]
    if shelves:
        words["shelves"] = [{"name": name, "added": added} for name, added in shelves]
    if READ in state:
        words |= {"read": True, "finished on": state[READ][0]}
    if NOTE in state:
        words |= {"note": state[NOTE][0], "note changed": state[NOTE][1]}
    if DISMISSED in state:
        words["not interested since"] = state[DISMISSED][0]
    return words


def _goodreads_row(known: _Known) -> list[str]:
    book, state, authors = known.book, known.state, known.authors
    isbn13 = known.isbn13
    has_read = READ in state
    exclusive = ""
    if SHELF in state:
        exclusive = _SHELF_NAMES[state[SHELF][0]]
    elif has_read or STARS in state:
        exclusive = READ_SHELF
    shelves = [aspect.removeprefix(OWN) for aspect in sorted(state) if aspect.startswith(OWN)]
    if exclusive != READ_SHELF:
        # Read once, and on another shelf since: named as well, where Goodreads would forget it.
        shelves += [name for name in (exclusive, READ_SHELF if has_read else "") if name]
    cells = {
        "Book Id": _or_empty(book.goodreads_book_id),
        "Title": _title(book),
        "Author": authors[0] if authors else "",
        "Author l-f": _last_first(authors[0]) if authors else "",
        "Additional Authors": ", ".join(authors[1:]),
        "ISBN": f'="{isbn10_of(isbn13)}"',
        "ISBN13": f'="{isbn13}"',
        "My Rating": str(state[STARS][0]) if STARS in state else "0",
        "Average Rating": _or_empty(book.average_rating),
        "Original Publication Year": _or_empty(book.publication_year),
        "Date Read": _slashes(state[READ][0]) if has_read else "",
        "Date Added": _slashes(_added(state)),
        "Bookshelves": _listed(shelves),
        "Exclusive Shelf": exclusive,
        # Notes are private here; as a review Goodreads would publish them.
        "Private Notes": state[NOTE][0] if NOTE in state else "",
        "Read Count": "1" if exclusive == READ_SHELF or has_read else "0",
        "Owned Copies": "0",
    }
    return [cells.get(name, "") for name in GOODREADS_COLUMNS]


def _title(book: Book) -> str:
    """The title with its series, as Goodreads writes it."""
    volumes = [
        f"{volume.series.name}, #{volume.label}" for volume in book.volumes.all() if volume.label
    ]
    return f"{book.title} ({'; '.join(volumes)})" if volumes else book.title


def _last_first(name: str) -> str:
    first, _space, last = name.rpartition(" ")
    return f"{last}, {first}" if first else last


def _added(state: State) -> str | None:
    """The first time that the reader said anything that has a time."""
    times = [state[STARS][1]] if STARS in state else []
    times += [state[SHELF][1]] if SHELF in state else []
    times += [value[0] for aspect, value in state.items() if aspect.startswith(OWN)]
    return min((text for text in times if text), default=None)


def _slashes(text: str | None) -> str:
    return text[:10].replace("-", "/") if text else ""


def _listed(names: list[str]) -> str:
    """Shelves in one cell; a name with a comma stands in quotation marks."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(names)
    return out.getvalue() if names else ""


def _account_csv(account: dict[str, Any]) -> str:
    """One line a fact: of what there may be several, each is numbered."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["What", "Value"])
    for what, value in account.items():
        if not isinstance(value, list):
            writer.writerow([what, harmless(_or_empty(value))])
            continue
        for number, item in enumerate(value, 1):
            for key, detail in item.items():
                writer.writerow([f"{what} {number}: {key}", harmless(_or_empty(detail))])
    return out.getvalue()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _or_empty(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {n}" for key, n in value.items())
    return "" if value is None else str(value)
