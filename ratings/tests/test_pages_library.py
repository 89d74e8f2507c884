"""The pages of an import: upload, progress, report, choosing by hand, failures, undo."""

import csv
import io
import zipfile

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.library_import import requests
from ratings.library_import.requests import request_import
from ratings.library_import.working import work_at
from ratings.models import ImportRow, LibraryImport, Rating
from ratings.services import rate_book
from ratings.tests.libraries import (
    goodreads_csv,
    library_file,
    make_catalogue,
    outcomes,
    row_titled,
    run_import,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client: Client):
    user = UserFactory(username="alice")
    client.force_login(user)
    return user


def upload(client: Client, content: bytes, name: str = "library.csv", **fields: str):
    return client.post(
        reverse("library_import"), {"file": SimpleUploadedFile(name, content), **fields}
    )


def page_of(library_import: LibraryImport, name: str = "library_import_report", *args: int) -> str:
    return reverse(name, args=[library_import.pk, *args])


def test_from_the_upload_to_the_report(
    client, alice, django_capture_on_commit_callbacks, monkeypatch
) -> None:
    make_catalogue()
    monkeypatch.setattr(requests, "_send", work_at)
    with django_capture_on_commit_callbacks(execute=True):
        response = upload(client, library_file("goodreads_2023.csv"), "my library.csv")

    done = LibraryImport.objects.get()
    assert (response.status_code, response["Location"]) == (302, page_of(done))
    page = client.get(page_of(done)).content.decode()
    assert "Your library is here" in page
    assert "3 rows need you" in page
    assert "Emma" in page
    assert "Nineteen Eighty-Four" not in page  # Only what needs the reader, at first.
    assert "Nineteen Eighty-Four" in client.get(f"{page_of(done)}?outcome=all").content.decode()
    assert "my library.csv" in client.get(reverse("library_import")).content.decode()


def test_a_page_of_the_report_takes_few_queries(
    client, alice, django_assert_max_num_queries
) -> None:
    make_catalogue()
    row = {"Book Id": "5907", "Title": "The Hobbit", "My Rating": "4"}
    done = run_import(alice, goodreads_csv(*[row] * 60, {"Title": "Unknown", "Author": "X"}))
    for path in (
        f"{page_of(done)}?outcome=all",
        f"{page_of(done)}?outcome=unchanged&page=2",
        page_of(done, "library_import_row", 62),
        f"{page_of(done, 'library_import_row', 62)}?q=hobbit",
        reverse("library_import"),
    ):
        with django_assert_max_num_queries(12):
            assert client.get(path).status_code == 200


def test_while_an_import_is_at_work_its_page_asks_again(client, alice) -> None:
    make_catalogue()
    waiting = request_import(
        user=alice, file_name="a.csv", content=library_file("goodreads_2023.csv")
    )
    LibraryImport.objects.update(status="running", n_done=4)

    page = client.get(page_of(waiting)).content.decode()
    part = client.get(page_of(waiting), headers={"HX-Request": "true"})

    assert 'http-equiv="refresh"' in page
    assert 'hx-trigger="every 1s"' in page
    assert part.content.decode().startswith('<div class="import-progress"')
    assert "4 of 9 rows" in part.content.decode()
    work_at(waiting.pk)
    over = client.get(page_of(waiting), headers={"HX-Request": "true"})
    assert over["HX-Refresh"] == "true"


def test_one_import_at_a_time(client, alice) -> None:
    make_catalogue()
    request_import(user=alice, file_name="a.csv", content=library_file("storygraph.csv"))

    response = upload(client, library_file("goodreads_2023.csv"))

    assert response.status_code == 400
    assert "still at work" in response.content.decode()
    assert LibraryImport.objects.count() == 1


def test_without_a_broker_the_upload_is_kept(
    client, alice, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    make_catalogue()

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(requests.current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        response = upload(client, library_file("storygraph.csv"))

    waiting = LibraryImport.objects.get()
    assert (response.status_code, waiting.status) == (302, "queued")
    assert "begins by itself" in client.get(page_of(waiting)).content.decode()
    LibraryImport.objects.update(requested_at=waiting.requested_at - 2 * requests.STALE_AFTER)
    monkeypatch.setattr(requests, "_send", work_at)
    assert requests.tend() == 1
    waiting.refresh_from_db()
    assert waiting.status == "done"


def packed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("library.csv", b"Title\n" * 1_000_000)
    return out.getvalue()


HEADER = b"Book Id,Title,Author,My Rating\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"\n\n  \n", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (HEADER, "lists no books"),
        (bytes(range(256)) * 100, "no text file"),
        (packed(), "no text file"),
        (b"%PDF-1.7\n", "no text file"),
        (b"book_id,goodreads_book_id,title\n1,2,x\n", "“book_id”, “goodreads_book_id”, “title”"),
        (b"user_id,book_id,rating\n1,2,3\n", "no Goodreads or StoryGraph export"),
        (b"<script>alert(1)</script>,b\n1,2\n", "&lt;script&gt;"),
        (b"My Rating,Exclusive Shelf\n5,read\n", "no column to know a book by"),
        (b"x" * 9_000_000, "cannot be read"),
        (b"," * 1_000_000, "The file is empty."),
        (b",x" * 1_000_000, "columns"),
        (HEADER.strip() + b",x" * 1_000_000 + b"\n1,a,b,5\n", "columns"),
        (HEADER + b'1,"' + b"x" * 200_000 + b'",b,5\n', "From line 2 on"),
        (HEADER + b"1,a,b,5\n" * 30, "more than 20 rows"),
        (HEADER + b"1,a,b,5\n" * 1_400_000, "larger than"),
    ],
    ids=lambda value: value[:18] if isinstance(value, str) else "",
)
def test_a_file_that_is_none_is_told_and_not_kept(client, alice, settings, content, told) -> None:
    settings.LIBRARY_IMPORT_MAX_ROWS = 20

    response = upload(client, content)

    assert response.status_code == 400
    assert told in response.content.decode()
    assert not LibraryImport.objects.exists()


def test_rows_full_of_nonsense_are_reported_and_imported_nowhere(client, alice) -> None:
    make_catalogue()
    content = HEADER + b"\n".join(
        [
            b"4671," + b"," * 100_000 + b"x",
            b"99999999999999999999999999,The Great Gatsby,F. Scott Fitzgerald,4",
            "٤٦٧١,The Great Gatsby,F. Scott Fitzgerald,٤".encode(),
            b"4671,x,y,-1",
            b"4671,x,y,NaN",
            b"4671,x,y,1e1",
            b",,,",
            b",,x,3",
            b"4671",
            b'4671,"never closed,x,5',
            b"4671,x,y,1",
        ]
    )
    done = run_import(alice, content)

    by_line = dict(done.rows.values_list("line", "outcome"))
    assert by_line == {
        2: "failed",
        3: "added",
        4: "failed",
        5: "failed",
        6: "failed",
        7: "failed",
        9: "failed",
        10: "unchanged",
        11: "failed",
    }
    assert "no number" in done.rows.get(line=3).message
    assert "not closed" in done.rows.get(line=11).message
    assert Rating.objects.get().stars == 4
    for outcome in ("all", "failed", "x" * 5000, "\0"):
        response = client.get(page_of(done), {"outcome": outcome, "page": "9" * 30})
        assert response.status_code == 200


def test_a_request_that_is_far_too_large_is_not_even_read(client, alice, settings) -> None:
    settings.LIBRARY_IMPORT_MAX_BYTES = 1_000

    response = upload(client, b"x" * 20_000)

    assert response.status_code == 413
    assert "too large" in response.content.decode()


def test_the_upload_needs_its_token_and_a_reader(alice) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert upload(strict, library_file("storygraph.csv")).status_code == 403
    guest = upload(Client(), library_file("storygraph.csv"))
    assert (guest.status_code, guest["Location"].split("?")[0]) == (
        302,
        resolve_url(settings.LOGIN_URL),
    )
    assert not LibraryImport.objects.exists()


def test_the_name_of_the_file_is_shown_and_nothing_else(client, alice) -> None:
    name = "..\\..\\etc/<b>evil</b>\u202e\x07.csv"
    done = request_import(user=alice, file_name=name, content=library_file("storygraph.csv"))
    assert done.file_name == "b> .csv"
    page = client.get(page_of(done)).content.decode()
    assert "<b>evil" not in page
    assert "\u202e" not in page


def test_an_import_is_nobody_elses(client, alice) -> None:
    make_catalogue()
    of_bob = run_import(UserFactory(), library_file("goodreads_2023.csv"))
    line = row_titled(of_bob, "Emma").line
    for name, args in (
        ("library_import_report", ()),
        ("library_import_row", (line,)),
        ("library_import_failures", ()),
    ):
        assert client.get(page_of(of_bob, name, *args)).status_code == 404
    assert client.post(page_of(of_bob, "library_import_undo")).status_code == 404
    book = ImportRow.objects.get(line=line).candidates[0]
    row_page = page_of(of_bob, "library_import_row", line)
    assert client.post(row_page, {"book": book}).status_code == 404
    assert client.get(reverse("library_import_report", args=[10**25])).status_code == 404
    own = client.get(reverse("library_import")).content.decode()
    assert reverse("library_import_report", args=[of_bob.pk]) not in own


def test_choosing_skipping_and_taking_both_back(client, alice) -> None:
    books = make_catalogue()
    done = run_import(alice, library_file("goodreads_2023.csv"))
    emma = row_titled(done, "Emma")
    page = page_of(done, "library_import_row", emma.line)

    shown = client.get(page).content.decode()
    assert shown.count(">This is it<") == 2
    assert "2016/09/03" in shown
    client.post(page, {"book": books["emma"].pk})

    assert Rating.objects.get(user=alice, book=books["emma"]).stars == 4
    done.refresh_from_db()
    assert done.counts == {"added": 7, "needs_review": 1, "failed": 1}
    # The second click, or the second tab.
    assert client.post(page, {"book": books["another emma"].pk}, follow=True).status_code == 200
    assert not Rating.objects.filter(user=alice, book=books["another emma"]).exists()

    client.post(page, {"action": "reopen"})
    assert not Rating.objects.filter(user=alice, book=books["emma"]).exists()
    client.post(page, {"action": "skip"})
    assert row_titled(done, "Emma").outcome == "skipped"
    client.post(page, {"action": "reopen"})
    assert row_titled(done, "Emma").outcome == "needs_review"
    for nonsense in ("", "x", "-1", "٣", "9" * 40, "\0"):
        assert client.post(page, {"book": nonsense}).status_code in (302, 404)
    assert client.post(page, {"book": 10**17}).status_code == 404


def test_an_unknown_edition_is_looked_for_among_its_authors_books(client, alice) -> None:
    make_catalogue()
    BookFactory(
        title="Mansfield Park",
        authors=["Jane Austen"],
        ratings_count=99,
        search_text="mansfield park jane austen",
    )
    row = {"Title": "Emma: annotated by nobody (Classics)", "Author": "Jane Austen"}
    done = run_import(alice, goodreads_csv(row))

    page = client.get(page_of(done, "library_import_row", 2)).content.decode()

    assert page.index(">Emma<") < page.index(">Mansfield Park<")


def test_a_hidden_book_is_neither_matched_nor_chosen(client, alice) -> None:
    books = make_catalogue()
    books["hobbit"].is_hidden = True
    books["hobbit"].save()
    done = run_import(alice, library_file("goodreads_2023.csv"))
    row = row_titled(done, "The Hobbit")
    assert row.outcome == "needs_review"
    page = page_of(done, "library_import_row", row.line)
    assert client.post(page, {"book": books["hobbit"].pk}).status_code == 404


def test_what_failed_comes_as_a_file_that_can_be_put_right_and_uploaded(client, alice) -> None:
    books = make_catalogue()
    danger = "=cmd|' /C calc'!A0"
    done = run_import(
        alice,
        goodreads_csv(
            {"Book Id": "4671", "Title": danger, "ISBN": '="0743273567"', "My Rating": "9"},
            {"Title": "'=already marked", "Author": "@x", "My Review": "-1 star\nfor it"},
            {"Book Id": "5907", "My Rating": "3"},
        ),
    )
    assert done.counts == {"failed": 1, "needs_review": 1, "added": 1}

    response = client.get(page_of(done, "library_import_failures"))
    content = response.getvalue().decode()

    assert response["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline="")))
    assert [row["Title"] for row in rows] == [f"'{danger}", "'=already marked"]
    assert rows[0]["ISBN"] == '="0743273567"'
    assert rows[0]["Problem"].startswith("The rating is “9”")
    for row in rows:
        for cell in row.values():
            assert not cell.startswith(tuple("=+-@\t\r")) or cell == '="0743273567"'

    mended = run_import(alice, content.replace(",9,", ",4,").encode())

    assert list(mended.rows.order_by("line").values_list("outcome", "title")) == [
        ("added", danger),
        ("needs_review", "=already marked"),
    ]
    assert Rating.objects.get(user=alice, book=books["gatsby"]).stars == 4
    again = client.get(page_of(mended, "library_import_failures")).getvalue().decode()
    assert again.splitlines()[0].count("Problem") == 1


def test_undo_from_the_page(client, alice, monkeypatch, django_capture_on_commit_callbacks) -> None:
    books = make_catalogue()
    done = run_import(alice, library_file("goodreads_2023.csv"))
    rate_book(user=alice, book=books["hobbit"], stars=1)
    monkeypatch.setattr(requests, "_send", work_at)

    assert client.get(page_of(done, "library_import_undo")).status_code == 405
    with django_capture_on_commit_callbacks(execute=True):
        client.post(page_of(done, "library_import_undo"))

    page = client.get(f"{page_of(done)}?outcome=all").content.decode()
    assert "Your import is undone" in page
    assert "Kept, because you have changed it since." in page
    assert list(Rating.objects.filter(user=alice).values_list("book", "stars")) == [
        (books["hobbit"].pk, 1)
    ]
    # There is nothing to undo twice.
    response = client.post(page_of(done, "library_import_undo"), follow=True)
    assert "cannot be undone" in response.content.decode()
    assert set(outcomes(done).values()) == {"undone", "kept", "needs_review", "failed"}
