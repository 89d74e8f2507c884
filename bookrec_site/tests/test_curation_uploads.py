"""Files of new books and covers that curators upload, and what is refused of them."""

import io

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from bookrec_site.tests.curators import act, picture, send_cover
from catalog import new_book_files
from catalog.models import Book, CurationChange
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


CSV = "title,authors,isbn,series,tags\n"


def send_file(client, text: str):
    cache.clear()
    url = reverse("admin:catalog_book_import")
    file = SimpleUploadedFile("books.csv", text.encode(), "text/csv")
    return client.post(url, {"import_file": file, "format": "0"})


def test_a_csv_is_previewed_and_then_taken(client, curator):
    rows = (
        "The Hobbit,J.R.R. Tolkien,0261103342,Middle-earth #0,dragons; quests\n"
        "Emma,Jane Austen,,,\n"
    )
    preview = send_file(client, CSV + rows)
    assert preview.status_code == 200
    assert not preview.context["result"].has_errors()
    assert Book.objects.count() == 0
    assert CurationChange.objects.count() == 0
    form = preview.context["confirm_form"]
    done = client.post(reverse("admin:catalog_book_process_import"), form.initial, follow=True)
    assert done.status_code == 200
    hobbit = Book.objects.get(title="The Hobbit")
    assert (hobbit.isbn13, Book.objects.count()) == ("9780261103344", 2)
    assert hobbit.volumes.get().label == "0"
    assert {change.by for change in CurationChange.objects.all()} == {curator}


def test_the_page_names_the_columns_that_a_file_may_have(client, curator):
    html = client.get(reverse("admin:catalog_book_import")).content.decode()
    assert f"<code>{', '.join(new_book_files.COLUMNS)}</code>" in html


def test_a_preview_that_is_kept_no_more_is_confirmed_in_vain(client, curator):
    preview = send_file(client, CSV + "Ähnliches,Zoë Author,,,\n")
    form = preview.context["confirm_form"]
    cache.clear()
    done = client.post(reverse("admin:catalog_book_process_import"), form.initial, follow=True)
    assert done.status_code == 200
    assert Book.objects.count() == 0


def test_rows_that_cannot_be_taken_are_told_with_their_reason(client, curator):
    BookFactory(title="Emma", isbn13="9780261103344")
    rows = "The Hobbit,J.R.R. Tolkien,0261103342,,\n,Nobody,123,,\nFine,Somebody,,,\n"
    answer = send_file(client, CSV + rows)
    html = answer.content.decode()
    assert "has this ISBN" in html
    assert "This cannot be empty." in html
    assert "An ISBN has 10 or 13 digits" in html
    assert "confirm_form" not in answer.context or answer.context["confirm_form"] is None
    assert Book.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nThe Hobbit\n", "There is no column authors, title."),
        (CSV.strip() + ",colour\nA,B,,,,red\n", "There is no column colour"),
        (CSV + "A,B,,,\n" * 501, "at most 500"),
        ("x" * 600_000, "at most 500,000"),
    ],
)
def test_files_that_are_no_small_files_of_books_are_refused(client, curator, text, said):
    html = send_file(client, text).content.decode()
    assert said in html
    # Nor does the page tell how the program came to say so.
    assert "Traceback" not in html
    assert Book.objects.count() == 0


@pytest.mark.parametrize("text", ["name\nA\n", CSV + "A,B,,,\n" * 501])
def test_no_row_of_a_refused_file_is_looked_at(client, curator, monkeypatch, text):
    """There may be a hundred thousand of them."""
    looked_at = []
    monkeypatch.setattr(new_book_files, "values_of_row", looked_at.append)
    assert "Errors" in send_file(client, text).content.decode()
    assert looked_at == []


def test_a_cover_is_made_anew_and_served_from_here(client, curator, media):
    book = BookFactory(cover_url="https://images.gr-assets.com/books/1.jpg")
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    assert send_cover(client, book, picture(form="JPEG", exif=exif)).status_code == 302
    book.refresh_from_db()
    assert book.curated == []
    page = client.get(book.get_absolute_url()).content.decode()
    [address] = {
        part.split('"')[0] for part in page.split('src="') if ".webp" in part.split('"')[0]
    }
    answer = client.get(address)
    content = b"".join(answer.streaming_content)
    assert answer["Content-Type"] == "image/webp"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "immutable" in answer["Cache-Control"]
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (480, 720))
        assert not image.getexif()
    assert b"taken at home" not in content
    # Gone with the book, and with the cover.
    Book.objects.filter(pk=book.pk).update(is_hidden=True)
    assert client.get(address).status_code == 404
    Book.objects.filter(pk=book.pk).update(is_hidden=False)
    client.post(reverse("admin:catalog_book_cover", args=[book.pk]), {"remove": "1"})
    assert client.get(address).status_code == 404
    assert client.get(address.replace(".webp", "x.webp")).status_code == 404
    # And back by an undo.
    act(client, "curationchange", "undo", [CurationChange.objects.latest("id").pk])
    assert client.get(address).status_code == 200


def bomb() -> bytes:
    """A small PNG of very many pixels."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


def with_torn_metadata() -> bytes:
    """A picture of which Pillow can read what is beside the pixels, and not write it again."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 50
    content = bytearray(picture(300, 450, "JPEG", exif=exif))
    start = content.index(b"Exif\0\0") + 6
    for at, value in ((8, 239), (11, 80), (34, 179), (89, 172), (97, 237)):
        content[start + at] = value
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (with_torn_metadata(), "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (b"<script>alert(1)</script>", "no picture"),
        (picture()[:400], "damaged"),
        (picture(form="BMP"), "no picture"),
        (picture(50, 50), "at least 100"),
        (bomb(), "too many"),
        (picture() + b"\0" * 5 * 2**20, "larger than 5 MB"),
    ],
    ids=["torn", "svg", "html", "cut", "bmp", "small", "bomb", "large"],
)
def test_what_is_no_cover_is_refused(client, curator, media, content, said):
    book = BookFactory()
    answer = send_cover(client, book, content)
    assert said in answer.content.decode()
    book.refresh_from_db()
    assert book.cover == ""
    assert not media.exists()
