"""Curators at work in the administration, and those who may not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.tests.factories import UserFactory
from bookrec_site.tests.curators import act, picture, send_cover, staff
from catalog.curation.boosts import boost_book, end_boost
from catalog.models import Book, Boost, CurationChange, EditorialList, Genre, Series, Tag
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


def values_of(response) -> dict[str, object]:
    """Return what the form on a page would send unchanged."""
    form = response.context["adminform"].form
    values = {}
    for name in form.fields:
        value = form[name].value()
        if name.endswith("_at"):
            continue
        if value is True:
            values[name] = "on"
        elif value not in (None, False):
            values[name] = value
    return values


def told(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_a_book_is_edited_with_its_authors_series_and_genres(client, curator):
    Genre.objects.create(slug="fantasy", name="Fantasy")
    book = BookFactory(title="The Hobit", authors=["J.R.R. Tolkin"])
    url = reverse("admin:catalog_book_change", args=[book.pk])
    sent = values_of(client.get(url)) | {
        "title": "The Hobbit",
        "authors_text": "J.R.R. Tolkien\nAlan Lee",
        "series_text": "Middle-earth #0",
        "genre_choices": ["fantasy"],
        "reason": "typing errors",
    }
    assert client.post(url, sent).status_code == 302
    change = CurationChange.objects.get()
    assert (change.by, change.reason, change.book) == (curator, "typing errors", book)
    assert set(change.after) == {"title", "authors", "series", "genres", "curated"}
    # Sent again, nothing differs and nothing is written down.
    assert client.post(url, values_of(client.get(url))).status_code == 302
    assert CurationChange.objects.count() == 1
    journal = client.get(reverse("admin:catalog_book_history", args=[book.pk]), follow=True)
    assert "typing errors" in journal.content.decode()
    _, done = act(client, "curationchange", "undo", [change.pk])
    assert told(done) == "1 of 1 changes undone."
    book.refresh_from_db()
    assert book.title == "The Hobit"
    shown = client.get(reverse("admin:catalog_curationchange_change", args=[change.pk]))
    assert "J.R.R. Tolkin" in shown.content.decode()


def test_what_is_wrong_is_told_beside_its_field(client, curator):
    book = BookFactory(title="Right")
    url = reverse("admin:catalog_book_change", args=[book.pk])
    sent = values_of(client.get(url)) | {
        "title": " ",
        "authors_text": " ",
        "language": "klingonish"[:8],
        "isbn13": "9780261103345",
    }
    errors = client.post(url, sent).context["adminform"].form.errors
    assert set(errors) == {"title", "authors_text", "language", "isbn13"}
    other = BookFactory(isbn13="9780261103344")
    sent = values_of(client.get(url)) | {"isbn13": "978-0-261-10334-4"}
    errors = client.post(url, sent).context["adminform"].form.errors
    assert f"Book {other.pk}" in str(errors["isbn13"])
    assert Book.objects.get(pk=book.pk).isbn13 == ""


def test_hiding_many_asks_first_and_counts(client, curator):
    books = [BookFactory(title=f"Pirated {n}") for n in range(20)]
    asked, done = act(client, "book", "hide", [b.pk for b in books], reason="pirated")
    html = asked.content.decode()
    assert "Hide 20 books?" in html
    assert "and 8 more" in html
    assert told(done) == "20 of 20 books hidden."
    assert not Book.objects.filter(is_hidden=False).exists()
    _, done = act(client, "book", "show_again", [books[0].pk])
    assert told(done) == "1 of 1 books shown again."


def test_all_books_that_a_search_finds_are_hidden(client, curator):
    for n in range(120):
        BookFactory(title=f"Twin {n}")
    other = BookFactory(title="Another")
    url = reverse("admin:catalog_book_changelist") + "?q=twin"
    first = Book.objects.filter(title="Twin 0").get().pk
    chosen = {"action": "hide", "_selected_action": [first], "select_across": "1"}
    asked = client.post(url, chosen)
    assert "Hide 120 books?" in asked.content.decode()
    assert asked.content.decode().count("_selected_action") == 1
    client.post(url, {**chosen, "confirmed": "1"})
    assert Book.objects.filter(is_hidden=False).get() == other


def test_a_book_is_added_by_its_isbn(client, curator):
    url = reverse("admin:catalog_book_add")
    assert client.get(url).status_code == 200
    sent = {
        "title": "The Hobbit",
        "authors_text": "J.R.R. Tolkien",
        "series_text": "Middle-earth #0",
        "tags_text": "dragons\nquests",
        "isbn": "0-261-10334-2",
    }
    wrong = client.post(url, sent | {"isbn": "0-261-10334-3", "title": ""}, follow=True)
    assert Book.objects.count() == 0
    assert wrong.status_code == 200
    answer = client.post(url, sent)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    book = Book.objects.get()
    assert (book.isbn13, book.source) == ("9780261103344", "site")
    assert [tag.name for tag in book.tags.order_by("name")] == ["dragons", "quests"]
    # The same again is refused, with the book that is there.
    errors = client.post(url, sent).context["adminform"].form.errors
    assert "has this ISBN" in str(errors["isbn"])
    assert Book.objects.count() == 1


def test_a_boost_is_made_with_its_reason_and_ended(client, curator):
    book = BookFactory()
    end = timezone.now() + timedelta(days=5)
    sent = {
        "book": book.pk,
        "direction": "up",
        "reason": "the film is out",
        "starts_at_0": timezone.now().date(),
        "starts_at_1": "00:00",
        "ends_at_0": end.date(),
        "ends_at_1": "12:00",
    }
    url = reverse("admin:catalog_boost_add")
    assert client.post(url, sent | {"reason": ""}).status_code == 200
    answer = client.post(url, sent)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    boost = Boost.objects.get()
    assert (boost.created_by, boost.is_in_force) == (curator, True)
    assert "already; end that first" in client.post(url, sent).content.decode()
    assert "the film is out" in client.get(reverse("book_insight", args=[book.pk])).content.decode()
    _, done = act(client, "boost", "end_now", [boost.pk])
    assert told(done) == "1 of 1 boosts ended."
    boost.refresh_from_db()
    assert not boost.is_in_force


def test_an_end_is_not_taken_back_while_another_boost_holds(client, curator):
    book = BookFactory()
    end = timezone.now() + timedelta(days=5)
    first = boost_book(book.pk, "up", reason="a prize", ends_at=end, by=None)
    end_boost(first.pk, by=None)
    second = boost_book(book.pk, "down", reason="a scandal", ends_at=end, by=None)
    ended = CurationChange.objects.get(action="ended")
    _, done = act(client, "curationchange", "undo", [ended.pk])
    assert "The book is moved down until" in told(done)
    first.refresh_from_db()
    assert not first.is_in_force
    end_boost(second.pk, by=None)
    act(client, "curationchange", "undo", [ended.pk])
    first.refresh_from_db()
    assert first.ends_at == end


@pytest.mark.parametrize("chosen", ["abc", "-1", "9" * 30])
def test_a_book_that_is_no_number_is_told(client, curator, chosen):
    url = reverse("admin:catalog_boost_add")
    assert client.get(url, {"book": chosen}).status_code == 200
    answer = client.post(url, {"book": chosen})
    assert "Select a valid choice" in str(answer.context["adminform"].form.errors["book"])


def test_an_address_chooses_the_book_of_a_boost_and_no_times(client, curator):
    book = BookFactory()
    page = client.get(reverse("admin:catalog_boost_add"), {"book": book.pk, "starts_at": "abc"})
    assert page.status_code == 200
    assert page.context["adminform"].form["book"].value() == str(book.pk)


def test_a_list_is_made_in_its_order_edited_deleted_and_brought_back(client, curator):
    books = [BookFactory(title=f"Book {n}") for n in range(4)]
    url = reverse("admin:catalog_editoriallist_add")
    sent = {
        "title": "Summer",
        "starts_at_0": "2020-01-01",
        "starts_at_1": "00:00",
        "place": "1",
        "is_pinned": "on",
        "entries-TOTAL_FORMS": "3",
        "entries-INITIAL_FORMS": "0",
        "entries-MIN_NUM_FORMS": "1",
        "entries-MAX_NUM_FORMS": "40",
    }
    assert client.post(url, sent).status_code == 200  # without a book
    early = client.post(url, sent | {"ends_at_0": "2019-01-01", "ends_at_1": "00:00"})
    assert early.context["adminform"].form.errors == {
        "ends_at": ["The end comes after the beginning."]
    }
    for n, place in ((0, "2"), (1, "1"), (2, "")):
        sent |= {f"entries-{n}-book": books[n].pk, f"entries-{n}-place": place}
    answer = client.post(url, sent)
    assert answer.status_code == 302, answer.context["errors"]
    summer = EditorialList.objects.get()
    assert [e.book for e in summer.entries.all()] == [books[1], books[0], books[2]]
    page = client.get(reverse("admin:catalog_editoriallist_change", args=[summer.pk]))
    assert page.status_code == 200
    client.post(reverse("admin:catalog_editoriallist_delete", args=[summer.pk]), {"post": "yes"})
    assert not EditorialList.objects.exists()
    deleted = CurationChange.objects.get(action="deleted")
    act(client, "curationchange", "undo", [deleted.pk])
    assert EditorialList.objects.get().books.count() == 3


def test_tags_are_blocked_and_made_synonyms(client, curator):
    tags = [Tag.objects.create(name=name) for name in ("phantasy", "fantasy-books", "fantasy")]
    asked, done = act(client, "tag", "synonyms", [t.pk for t in tags[:2]], of="fantasy")
    assert told(done) == "2 tags changed."
    answer = client.post(
        reverse("admin:catalog_tag_changelist"),
        {"action": "synonyms", "_selected_action": [tags[2].pk], "confirmed": "1", "of": "nope"},
    )
    assert "There is no tag “nope”." in answer.content.decode()
    _, done = act(client, "tag", "block", [tags[2].pk])
    assert told(done) == "1 of 1 tags blocked."


def test_a_series_is_split_on_its_page(client, curator):
    books = [BookFactory(series="Discworld", series__number=n) for n in (1, 2)]
    series = Series.objects.get()
    url = reverse("admin:catalog_series_move", args=[series.pk])
    assert books[1].title in client.get(url).content.decode()
    sent = {"book": [books[1].pk], f"label-{books[1].pk}": "1", "to": "Witches"}
    assert told(client.post(url, sent, follow=True)) == "1 books changed."
    assert books[1].volumes.get().series.name == "Witches"


PAGES = {
    "add_book": ("admin:catalog_book_add", "admin:catalog_book_import"),
    "add_boost": ("admin:catalog_boost_add",),
    "view_boost": ("admin:catalog_boost_changelist",),
    "add_editoriallist": ("admin:catalog_editoriallist_add",),
    "view_tag": ("admin:catalog_tag_changelist",),
    "view_curationchange": ("admin:catalog_curationchange_changelist",),
}


@pytest.mark.parametrize("permission", PAGES)
def test_each_page_asks_for_its_permission(client, permission):
    urls = [reverse(name) for name in PAGES[permission]]
    staff(client)
    assert [client.get(url).status_code for url in urls] == [403] * len(urls)
    staff(client, permission)
    assert [client.get(url).status_code for url in urls] == [200] * len(urls)
    client.force_login(UserFactory())  # a reader
    assert [client.get(url).status_code for url in urls] == [302] * len(urls)
    client.logout()
    assert [client.get(url).status_code for url in urls] == [302] * len(urls)


def test_who_may_only_look_changes_nothing(client, media):
    book, tag = BookFactory(series="Discworld"), Tag.objects.create(name="fantasy")
    staff(client, "view_book", "view_tag", "view_boost", "view_curationchange", "view_series")
    page = client.get(reverse("admin:catalog_book_change", args=[book.pk]))
    assert page.status_code == 200
    assert (
        client.post(
            reverse("admin:catalog_book_change", args=[book.pk]), {"title": "Mine"}
        ).status_code
        == 403
    )
    assert send_cover(client, book, picture()).status_code == 403
    series = reverse("admin:catalog_series_move", args=[Series.objects.get().pk])
    assert client.post(series, {"book": [book.pk], "to": "Mine"}).status_code == 403
    for model, action, key in (("book", "hide", book.pk), ("tag", "block", tag.pk)):
        url = reverse(f"admin:catalog_{model}_changelist")
        client.post(url, {"action": action, "_selected_action": [key], "confirmed": "1"})
    assert client.get(reverse("book_insight", args=[book.pk])).status_code == 200
    assert not CurationChange.objects.exists()
    staff(client)
    assert client.get(reverse("book_insight", args=[book.pk])).status_code == 403


def test_lists_of_ten_thousand_books_ask_few_questions(client, curator):
    Book.objects.bulk_create(
        Book(title=f"Book {n}", search_text=f"book {n}", ratings_count=n) for n in range(10_000)
    )
    # Session, user and rights are three; the page is counted once, as it is filtered.
    urls = {
        reverse("admin:catalog_book_changelist"): 6,
        reverse("admin:catalog_book_changelist") + "?q=book+77&is_hidden__exact=0": 6,
        reverse("admin:catalog_tag_changelist"): 7,
        reverse("admin:catalog_boost_changelist"): 6,
        reverse("admin:catalog_curationchange_changelist"): 7,
        reverse("admin:catalog_editoriallist_changelist"): 6,
        reverse("book_insight", args=[Book.objects.earliest("pk").pk]): 12,
    }
    asked = {}
    for url in urls:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        asked[url] = len(queries)
    assert {url: n for url, n in asked.items() if n > urls[url]} == {}
