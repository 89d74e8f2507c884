"""An ISBN is one book's, also where two curators give it at once."""

import threading

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from bookrec_site.tests.curators import staff
from bookrec_site.tests.waiting import until
from catalog.curation.books import add_book, edit_book
from catalog.models import Book
from catalog.tests.factories import BookFactory

ISBN = "9780306406157"


def waits_for_an_isbn() -> bool:
    with connection.cursor() as cursor:
        # Other tests' databases are on this server too.
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["add", "edit"])
def test_of_two_curators_who_give_the_same_isbn_at_once_the_second_is_told(by) -> None:
    there = BookFactory(title="There already")
    edited = BookFactory(title="Edited")
    second = Client()
    staff(second, "view_book", "add_book", "change_book")
    sent = {"title": "The same", "authors_text": "An Author"}
    url, field = reverse("admin:catalog_book_add"), "isbn"
    if by == "edit":
        url, field = reverse("admin:catalog_book_change", args=[edited.pk]), "isbn13"
    answers = []

    def save() -> None:
        try:
            answers.append(second.post(url, sent | {field: "978-0-306-40615-7"}))
        finally:
            connection.close()

    saving = threading.Thread(target=save)
    with transaction.atomic():
        if by == "add":
            first = add_book({"title": "First", "authors": ["A. B."], "isbn": ISBN}, by=None)
        else:
            edit_book(there.pk, {"isbn13": ISBN}, by=None)
            first = there
        saving.start()
        until(waits_for_an_isbn)
    saving.join()
    [answer] = answers
    assert answer.status_code == 200
    # At the field, with all that was typed still there.
    errors = answer.context["adminform"].form.errors
    assert errors == {field: [f"Book {first.pk}, “{first.title}”, has this ISBN."]}
    assert 'value="The same"' in answer.content.decode()
    assert [book.pk for book in Book.objects.filter(isbn13=ISBN)] == [first.pk]
