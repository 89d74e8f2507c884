"""A small catalogue, and files of readers' libraries in the form that other sites export."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.library_import.requests import request_import
from ratings.library_import.working import work_at
from ratings.models import ImportRow, LibraryImport

IMPORTS = "/api/v1/imports/"
FILES = Path(__file__).parent / "library_files"
HEADER = next(csv.reader([(FILES / "goodreads_2023.csv").read_text().partition("\n")[0]]))


def library_file(name: str) -> bytes:
    return (FILES / name).read_bytes()


def goodreads_csv(*rows: Mapping[str, str], delimiter: str = ",") -> bytes:
    """A file with every column of today, of which the rows fill in what they name."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HEADER, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def make_catalogue() -> dict[str, Book]:
    """The books that the files name, but for one; and "Emma" twice."""
    hunger_games = BookFactory(
        title="The Hunger Games",
        authors=["Suzanne Collins"],
        series="The Hunger Games",
        series__number=1,
        goodreads_book_id=2767052,
        best_book_id=2767052,
        isbn10="0439023483",
        isbn13="9780439023481",
    )
    return {
        "hunger games": hunger_games,
        "gatsby": BookFactory(
            title="The Great Gatsby",
            authors=["F. Scott Fitzgerald"],
            goodreads_book_id=4671,
            isbn10="0743273567",
        ),
        "hobbit": BookFactory(
            title="The Hobbit",
            original_title="The Hobbit, or There and Back Again",
            authors=["J.R.R. Tolkien"],
            goodreads_book_id=5907,
            isbn13="9780547928227",
        ),
        "1984": BookFactory(
            title="Nineteen Eighty-Four", authors=["George Orwell"], goodreads_book_id=5470
        ),
        "sidewalk": BookFactory(
            title="Where the Sidewalk Ends", authors=["Shel Silverstein"], best_book_id=30119
        ),
        "mockingbird": BookFactory(
            title="To Kill a Mockingbird", authors=["Harper Lee"], isbn10="0061120081"
        ),
        "catcher": BookFactory(
            title="The Catcher in the Rye", authors=["J.D. Salinger"], goodreads_book_id=5107
        ),
        "emma": BookFactory(title="Emma", authors=["Jane Austen"]),
        "another emma": BookFactory(title="Emma", authors=["Jane Austen"]),
    }


def run_import(
    user: User, content: bytes, *, name: str = "library.csv", replace_stars: bool = False
) -> LibraryImport:
    """Upload the file and do the worker's part."""
    library_import = request_import(
        user=user, file_name=name, content=content, replace_stars=replace_stars
    )
    work_at(library_import.pk)
    library_import.refresh_from_db()
    return library_import


def outcomes(library_import: LibraryImport) -> dict[str, str]:
    """The outcome of each row by its title."""
    return dict(library_import.rows.values_list("title", "outcome"))


def row_titled(library_import: LibraryImport, start: str) -> ImportRow:
    return library_import.rows.get(title__startswith=start)


def upload(client: APIClient, content: bytes, name: str = "a.csv", key: str = "", **fields: object):
    """Send a file to the API as a form does."""
    return client.post(
        IMPORTS,
        {"file": SimpleUploadedFile(name, content), **fields},
        format="multipart",
        headers={"Idempotency-Key": key} if key else {},
    )
