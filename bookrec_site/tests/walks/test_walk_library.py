"""A library comes along with its errors, is put right, undone, and taken away again."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bookrec_site.tests.walks.walking import Walker, stars_given
from ratings.tests.libraries import goodreads_csv

pytestmark = [pytest.mark.realdata, pytest.mark.browser]

LIBRARY = goodreads_csv(
    {
        "Title": "The Hobbit",
        "Author": "J.R.R. Tolkien",
        "My Rating": "5",
        "Exclusive Shelf": "read",
        "Date Read": "2020/02/29",
        "My Review": "Read aloud.\nTwice.",
    },
    {"Title": "Emma", "Author": "Jane Austen", "Exclusive Shelf": "to-read"},
    {"Title": "Emma", "Author": "Somebody Else", "My Rating": "4"},
    {"Title": "A Book That Nobody Wrote", "Author": "Nobody", "My Rating": "3"},
    {"Title": "Dune", "Author": "Frank Herbert", "My Rating": "11"},
)


def test_a_library_with_bad_rows_is_imported_reported_and_undone(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["A Game of Thrones"], stars=4)
    page.goto("/library/import/")
    page.get_by_label("Your export, a CSV file").set_input_files(
        {"name": "goodreads_library_export.csv", "mimeType": "text/csv", "buffer": LIBRARY}
    )
    page.get_by_role("button", name="Import").click()
    # A real worker has done it when the report stands there by itself.
    expect(page.get_by_role("heading", name="Your library is here")).to_be_visible(timeout=90_000)
    expect(page.get_by_text(re.compile("rows? needs? you"))).to_be_visible()
    with page.expect_download() as failures:
        page.get_by_role("link", name="Download these rows (CSV)").click()
    rows = list(csv.DictReader(io.StringIO(Path(failures.value.path()).read_text("utf-8-sig"))))
    assert {"A Book That Nobody Wrote", "Dune"} <= {row["Title"] for row in rows}
    assert "The Hobbit" not in {row["Title"] for row in rows}

    report = page.url
    page.goto("/my-books/")
    assert stars_given(page, "The Hobbit") == 5
    page.goto("/my-books/?shelf=to_read")
    expect(page.get_by_role("link", name="Emma", exact=True).first).to_be_visible()

    page.goto(report)
    page.get_by_text("Undo this import").click()
    page.get_by_role("button", name="Undo it all").click()
    expect(page.get_by_role("heading", name="Your import is undone")).to_be_visible(timeout=90_000)
    page.goto("/my-books/")
    expect(page.get_by_role("link", name="A Game of Thrones", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="The Hobbit", exact=True)).to_have_count(0)


def test_a_file_that_is_no_library_is_refused_with_the_reason(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of([])
    page.goto("/library/import/")
    page.get_by_label("Your export, a CSV file").set_input_files(
        {"name": "cat.csv", "mimeType": "text/csv", "buffer": b"\x89PNG\r\n\x1a\n\x00\x00"}
    )
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_label("Your export, a CSV file")).to_have_attribute("aria-invalid", "true")
    # The browser's console calls every answer that refuses an error.
    assert [error for error in walker.errors if "400 (Bad Request)" not in error] == []
    walker.errors.clear()
    walker.database.execute(
        "SELECT count(*) FROM ratings_libraryimport JOIN accounts_user ON accounts_user.id = "
        "user_id WHERE username = %s",
        [walker.name],
    )
    assert walker.database.fetchone() == (0,)


def test_everything_is_exported_in_words(walker: Walker) -> None:
    page = walker.page
    walker.log_in_as_reader_of(["The Hobbit", "Emma"])
    page.goto("/account/data/")
    page.get_by_role("link", name="Export my data").click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download everything (ZIP)").click()
    with zipfile.ZipFile(taken.value.path()) as archive:
        names = archive.namelist()
        texts = {name: archive.read(name).decode("utf-8-sig") for name in names}
    assert any(name.endswith(".csv") for name in names)
    whole = " ".join(texts.values())
    assert "The Hobbit" in whole
    assert "J.R.R. Tolkien" in whole
    assert f"{walker.name}@example.org" in whole
    for name, text in texts.items():
        if name.endswith(".json"):
            json.loads(text)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download the library (CSV)").click()
    rows = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text("utf-8-sig"))))
    assert {row["Title"].split(" (")[0]: row["My Rating"] for row in rows} == {
        "The Hobbit": "5",
        "Emma": "5",
    }
