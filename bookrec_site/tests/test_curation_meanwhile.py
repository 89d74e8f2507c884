"""Curators at work at the same time: what one does while another fills in a form."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookrec_site.tests.curators import opened, picture, send_cover
from catalog import admin_books, admin_curation
from catalog.admin_forms import BookForm
from catalog.curation.books import edit_book, set_hidden
from catalog.curation.lists import save_list
from catalog.models import Book, Boost, CurationChange, EditorialList
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db

GONE = "This book is no longer in the catalogue."


def after(rows, do):
    """Return a function that does what `do` does once these rows are gone."""

    def doing(*given, **options):
        rows.delete()
        return do(*given, **options)

    return doing


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def times(name: str, at) -> dict[str, str]:
    return {f"{name}_0": f"{at:%Y-%m-%d}", f"{name}_1": f"{at:%H:%M:%S}"}


@pytest.mark.parametrize("moment", ["before it is written", "before it is read"])
def test_a_book_that_is_deleted_meanwhile_is_said_to_be_gone(client, curator, monkeypatch, moment):
    book = BookFactory(title="Before")
    gone = Book.objects.filter(pk=book.pk)
    if moment == "before it is written":
        monkeypatch.setattr(admin_books, "edit_book", after(gone, admin_books.edit_book))
    else:
        monkeypatch.setattr(BookForm, "_post_clean", after(gone, BookForm._post_clean))
    sent = {"title": "After", "authors_text": "An Author"}
    answer = client.post(reverse("admin:catalog_book_change", args=[book.pk]), sent, follow=True)
    assert answer.redirect_chain[0][0] == reverse("admin:catalog_book_changelist")
    assert told(answer) == [GONE]
    # All of the request is taken back, the deletion of this test's too.
    assert Book.objects.get().title == "Before"


def test_a_cover_of_a_book_that_is_deleted_meanwhile_is_not_kept(client, curator, monkeypatch):
    book = BookFactory()
    gone = Book.objects.filter(pk=book.pk)
    monkeypatch.setattr(admin_books, "upload_cover", after(gone, admin_books.upload_cover))
    send_cover(client, book, picture())
    assert told(client.get(reverse("admin:catalog_book_changelist"))) == [GONE]
    assert not CurationChange.objects.exists()


def test_a_boost_of_a_book_that_is_deleted_meanwhile_is_not_made(client, curator, monkeypatch):
    book = BookFactory()
    gone = Book.objects.filter(pk=book.pk)
    monkeypatch.setattr(admin_curation, "boost_book", after(gone, admin_curation.boost_book))
    now = timezone.now()
    sent = {
        "book": book.pk,
        "direction": "up",
        "reason": "A prize",
        **times("starts_at", now),
        **times("ends_at", now + timedelta(days=2)),
    }
    answer = client.post(reverse("admin:catalog_boost_add"), sent, follow=True)
    assert told(answer) == [GONE]
    assert not Boost.objects.exists()


@pytest.mark.parametrize(
    ("missing", "message"),
    [("list", "This list was deleted meanwhile."), ("book", "There is no book with the number")],
)
def test_a_list_says_what_of_it_is_gone(client, curator, monkeypatch, missing, message):
    book = BookFactory()
    chosen = save_list(None, {"title": "Summer"}, [book.pk], by=None)
    rows = EditorialList.objects.all() if missing == "list" else Book.objects.all()
    monkeypatch.setattr(admin_curation, "save_list", after(rows, admin_curation.save_list))
    entry = chosen.entries.get()
    sent = {
        "title": "Winter",
        "place": "1",
        **times("starts_at", chosen.starts_at),
        "entries-TOTAL_FORMS": "1",
        "entries-INITIAL_FORMS": "1",
        "entries-MIN_NUM_FORMS": "1",
        "entries-MAX_NUM_FORMS": "100",
        "entries-0-id": entry.pk,
        "entries-0-editorial_list": chosen.pk,
        "entries-0-book": book.pk,
        "entries-0-place": "1",
    }
    url = reverse("admin:catalog_editoriallist_change", args=[chosen.pk])
    answer = client.post(url, sent, follow=True)
    assert answer.status_code == 200
    [said] = told(answer)
    assert said.startswith(message)
    assert EditorialList.objects.get().title == "Summer"


def test_what_another_curator_did_while_the_page_was_open_stays(client, curator):
    """Also that the book is hidden: the box of a page from before says nothing of it."""
    book = BookFactory(title="Before", publication_year=1950, authors=["An Author"])
    url = reverse("admin:catalog_book_change", args=[book.pk])
    form = opened(client, url)
    edit_book(book.pk, {"title": "Meanwhile", "authors": ["Another Author"]}, by=None)
    set_hidden([book.pk], True, by=None)
    answer = client.post(url, form | {"publication_year": ["1951"]})
    assert answer.status_code == 302, answer.context["errors"]
    book.refresh_from_db()
    assert (book.title, book.publication_year, book.is_hidden) == ("Meanwhile", 1951, True)
    assert [row.author.name for row in book.authorships.all()] == ["Another Author"]
    assert CurationChange.objects.latest("pk").after == {
        "publication_year": 1951,
        "curated": ["publication_year"],
    }


def test_what_two_curators_change_is_taken_from_the_first_and_told_to_the_second(client, curator):
    book = BookFactory(title="Before")
    url = reverse("admin:catalog_book_change", args=[book.pk])
    form = opened(client, url)
    edit_book(book.pk, {"title": "Meanwhile"}, by=None)
    answer = client.post(url, form | {"title": ["After"]})
    assert answer.context["adminform"].form.errors.keys() == {"title"}
    assert "open it anew" in answer.content.decode()
    book.refresh_from_db()
    assert book.title == "Meanwhile"
    # Who opens it anew says so.
    assert client.post(url, opened(client, url) | {"title": ["After"]}).status_code == 302
    book.refresh_from_db()
    assert book.title == "After"


def test_lines_that_nobody_touched_are_no_change(client, curator):
    """Browsers send their ends as two characters."""
    book = BookFactory(title="Before", description="One line.\n\nAnother.")
    url = reverse("admin:catalog_book_change", args=[book.pk])
    assert client.post(url, opened(client, url) | {"title": ["After"]}).status_code == 302
    book.refresh_from_db()
    assert (book.title, book.description) == ("After", "One line.\n\nAnother.")
    assert CurationChange.objects.get().after.keys() == {"title", "curated"}
    other = "One line.\r\n\r\nOne more."
    assert client.post(url, opened(client, url) | {"description": [other]}).status_code == 302
    book.refresh_from_db()
    assert book.description == "One line.\n\nOne more."


def test_a_list_keeps_what_another_curator_changed_in_it(client, curator):
    chosen = save_list(None, {"title": "Summer"}, [BookFactory().pk], by=None)
    url = reverse("admin:catalog_editoriallist_change", args=[chosen.pk])
    form = opened(client, url)
    save_list(chosen.pk, {"title": "Winter", "is_pinned": True}, [chosen.books.get().pk], by=None)
    answer = client.post(url, form | {"text": ["For long evenings"]})
    assert answer.status_code == 302, answer.context["errors"]
    chosen.refresh_from_db()
    assert (chosen.title, chosen.text, chosen.is_pinned) == ("Winter", "For long evenings", True)
    answer = client.post(url, form | {"title": ["Spring"]})
    assert answer.context["adminform"].form.errors.keys() == {"title"}
