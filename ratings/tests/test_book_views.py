"""The forms of a book's page: shelves, having read it, the private note."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from ratings.models import Note, Reading, ShelfEntry
from ratings.tests.factories import RatingFactory
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def readers() -> Readers:
    return make_readers()


@pytest.fixture
def send(client, readers):
    """Send one of the forms of the twentieth book as Alice, who said nothing of it."""
    client.force_login(readers.alice)

    def send(name: str, headers: dict | None = None, **fields: str):
        return client.post(reverse(name, args=[readers.books[19].pk]), fields, headers=headers)

    return send


def test_a_book_goes_on_a_shelf_and_off_again(send, readers):
    book = readers.books[19]
    for shelf in ("reading", "Beach books"):
        response = send("change_shelf", shelf=shelf, action="add")
        assert response.status_code == 302
        assert response.url == f"{book.get_absolute_url()}#yours"
        assert ShelfEntry.objects.filter(user=readers.alice, book=book, shelf=shelf).exists()
    send("change_shelf", shelf="Beach books", action="remove")
    assert list(book.shelf_entries.values_list("shelf", flat=True)) == ["reading"]


def test_htmx_is_answered_with_the_readers_part_and_the_message(send):
    html = send("change_shelf", HTMX, shelf="reading", action="add").content.decode()
    assert html.lstrip().startswith('<section class="yours" id="yours"')
    assert 'id="state-reading" aria-pressed="true"' in html
    assert 'hx-swap-oob="innerHTML"' in html
    assert "<html" not in html


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"shelf": "", "action": "add"},
        {"shelf": "x" * 61, "action": "add"},
        {"shelf": "\0\x01", "action": "add"},
        {"shelf": "reading", "action": "burn"},
        {"shelf": "reading", "action": "remove"},
    ],
)
def test_what_is_no_shelf_changes_nothing_and_is_no_500(send, readers, fields):
    assert send("change_shelf", **fields).status_code == 302
    assert not readers.books[19].shelf_entries.exists()


def test_a_book_is_marked_read_with_and_without_a_day_and_unmarked(send, readers):
    send("change_read", action="add")
    assert Reading.objects.get(user=readers.alice).finished_on is None
    send("change_read", action="add", finished_on="2024-02-29")
    assert Reading.objects.get(user=readers.alice).finished_on == date(2024, 2, 29)
    send("change_read", action="remove")
    assert not Reading.objects.filter(user=readers.alice).exists()


@pytest.mark.parametrize(
    "day",
    [
        "yesterday",
        "2024-02-30",
        "1899-12-31",
        "9999-12-31",
        "٢٠٢٤-٠١-٠١",
        "2024-01-01\0",
        "1" * 9999,
    ],
)
def test_a_day_that_is_none_saves_nothing(send, readers, day):
    assert send("change_read", action="add", finished_on=day).status_code == 302
    assert not Reading.objects.filter(user=readers.alice).exists()


def test_days_to_come_are_refused_and_today_is_not(send, readers, monkeypatch):
    now = timezone.now()
    # No other day begins meanwhile.
    monkeypatch.setattr(timezone, "now", lambda: now)
    today = timezone.localdate()
    send("change_read", action="add", finished_on=(today + timedelta(days=2)).isoformat())
    assert not Reading.objects.filter(user=readers.alice).exists()
    send("change_read", action="add", finished_on=today.isoformat())
    assert Reading.objects.get(user=readers.alice).finished_on == today


def test_a_note_is_kept_shown_escaped_and_removed(send, client, readers):
    book = readers.books[19]
    send("change_note", text="</textarea><script>alert(1)</script>\r\nsecond line")
    assert Note.objects.get().text == "</textarea><script>alert(1)</script>\nsecond line"
    html = client.get(book.get_absolute_url()).content.decode()
    assert "&lt;/textarea&gt;&lt;script&gt;" in html
    assert "<script>alert" not in html
    send("change_note", text="x" * 50_001)
    assert Note.objects.get().text.endswith("second line")
    send("change_note", text="   ")
    assert not Note.objects.exists()


def test_nobody_sees_what_another_reader_said(send, client, readers):
    book = readers.books[19]
    send("change_note", text="a secret of Alice")
    send("change_shelf", shelf="Alice only", action="add")
    send("change_read", action="add", finished_on="2024-02-29")
    RatingFactory(user=readers.alice, book=readers.books[18], stars=4)
    for reader in (readers.charlie, readers.bob, None):
        client.logout()
        if reader:
            client.force_login(reader)
        answers = [client.get(book.get_absolute_url()).content.decode()]
        if reader:
            address = reverse("yours", args=[book.pk])
            answers.append(client.get(address, headers=HTMX).content.decode())
        for html in answers:
            for secret in ("a secret of Alice", "Alice only", "2024-02-29", "you gave it 4"):
                assert secret not in html


@pytest.mark.parametrize("name", ["change_shelf", "change_read", "change_note"])
def test_guests_are_sent_to_log_in_and_hidden_books_are_not_found(client, readers, name):
    book = readers.books[19]
    fields = {"shelf": "reading", "action": "add", "text": "x"}
    response = client.post(reverse(name, args=[book.pk]), fields)
    assert response.status_code == 302
    assert "login" in response.url
    assert client.get(reverse(name, args=[book.pk])).status_code == 405
    client.force_login(readers.alice)
    book.is_hidden = True
    book.save()
    assert client.post(reverse(name, args=[book.pk]), fields).status_code == 404
    assert client.post(reverse(name, args=[999_999_999]), fields).status_code == 404
    assert not ShelfEntry.objects.filter(book=book).exists()


def test_the_next_volume_of_a_series_is_marked_for_who_began_it(client, readers):
    client.force_login(readers.alice)
    html = client.get(readers.books[0].series.get().get_absolute_url()).content.decode()
    # Alice rated volumes 1 to 12.
    assert html.count("next for you") == 1
    assert html.index("Volume 13<") < html.index("next for you") < html.index("Volume 14<")
    client.force_login(readers.charlie)
    html = client.get(readers.books[0].series.get().get_absolute_url()).content.decode()
    assert "next for you" not in html
    assert "you gave it" not in html
