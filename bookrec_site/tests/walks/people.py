"""The readers whom every page is shown to, and what the addresses of the pages speak of.

    python -m bookrec_site.tests.walks.people PASSWORD

makes them in the database of the environment and prints the `World` as JSON.
"""

import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

if TYPE_CHECKING:
    from accounts.models import User
    from catalog.models import Book
    from ratings.models import LibraryImport

ALICE, BOB, CHARLIE = "alice", "bob", "charlie"


@dataclass(frozen=True)
class World:
    """Keys of what the addresses speak of."""

    book: int
    # On Alice's shelf, not rated by her.
    shelved_book: int
    # A reader of the data set.
    imported_reader: int
    # What Alice brought along, and a line of it that she has to decide on.
    library_import: int
    unsure_line: int
    author: int
    series: int
    # Pinned to the home page.
    editorial_list: int
    section: str = "books"
    data_set: str = "goodbooks"
    reader: str = ALICE


def populate(books: "Sequence[Book]", password: str) -> World:
    """Make the three readers: Alice has many opinions, all public; Bob few; Charlie none.

    Parameters
    ----------
    books : sequence of Book, at least 40 of them, each with an author.
    password : str. Of all three.
    """
    from accounts.models import User
    from catalog.curation.lists import save_list
    from ratings.models import ShelfEntry
    from ratings.services import (
        dismiss_book,
        mark_read,
        rate_book,
        shelve_book,
        write_note,
    )

    alice, bob, charlie = (
        User.objects.create_user(name, f"{name}@example.org", password)
        for name in (ALICE, BOB, CHARLIE)
    )
    for user in (alice, bob, charlie):
        confirm_address(user)
    alice.profile_is_public = alice.ratings_are_public = alice.shelves_are_public = True
    alice.save()
    first_day = date.today() - timedelta(days=600)
    for place, book in enumerate(books[:30]):
        rate_book(user=alice, book=book, stars=5 - place % 3)
        mark_read(user=alice, book=book, finished_on=first_day + timedelta(days=20 * place))
    write_note(user=alice, book=books[0], text="Read twice, the second time aloud.")
    for book in books[30:36]:
        shelve_book(user=alice, book=book)
    shelve_book(user=alice, book=books[36], shelf=ShelfEntry.Shelf.READING)
    for book in books[36:39]:
        shelve_book(user=alice, book=book, shelf="Holiday")
    dismiss_book(user=alice, book=books[39])
    for book in books[:2]:
        rate_book(user=bob, book=book, stars=3)
    imported = User.objects.filter(source=User.Source.GOODBOOKS).earliest("pk")
    library = bring_library(alice, books[:3])
    series = next(volume.series for book in books for volume in book.volumes.all())
    editorial = save_list(
        None,
        {
            "title": "Dragons before breakfast",
            "title_de": "Drachen vor dem Frühstück",
            "text": "Short ones.",
            "is_pinned": True,
        },
        [book.pk for book in books[20:26]],
        by=None,
    )
    assert imported.external_id
    return World(
        book=books[0].pk,
        shelved_book=books[30].pk,
        imported_reader=imported.external_id,
        library_import=library.pk,
        author=books[0].authors.earliest("pk").pk,
        series=series.pk,
        editorial_list=editorial.pk,
        unsure_line=library.rows.filter(outcome="needs_review").earliest("line").line,
    )


def bring_library(user: "User", books: "Sequence[Book]") -> "LibraryImport":
    """Import a file of the books, with one row that names no certain book and one without."""
    from ratings.library_import.requests import request_import
    from ratings.library_import.working import work_at

    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow(["Book Id", "Title", "Author", "My Rating", "Exclusive Shelf"])
    for book in books:
        rows.writerow(["", book.title, book.authorships.get(position=0).author.name, "", "read"])
    rows.writerow(["", books[0].title, "Somebody Else", "4", "read"])
    rows.writerow(["", "", "Nobody", "9", "read"])
    content = out.getvalue().encode()
    # Worked at here: what is sent to the worker at the commit finds nothing to do.
    with transaction.atomic():
        library = request_import(user=user, file_name="goodreads_export.csv", content=content)
        work_at(library.pk)
    library.refresh_from_db()
    return library


def confirm_address(user: "User") -> None:
    """Count the reader's e-mail address as confirmed."""
    from allauth.account.models import EmailAddress

    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )


def main(password: str) -> None:
    import django

    django.setup()
    from catalog.models import Book

    books = list(Book.objects.order_by("-ratings_count", "pk")[:40])
    json.dump(asdict(populate(books, password)), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
