"""Every process finds what the catalogue holds now."""

import psycopg2
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.urls import reverse

from catalog.models import Author, Authorship, Book, CatalogChange, Series, Volume
from catalog.search.current import _Holder
from catalog.tests.factories import BookFactory
from catalog.versions import catalog_version, fold_changes


@pytest.fixture
def processes() -> list[_Holder]:
    """Two web processes, each with an index of its own."""
    return [_Holder(), _Holder()]


def found(processes, query) -> list[tuple[int, ...]]:
    return [process.look_up(query).books for process in processes]


@pytest.mark.django_db
def test_a_change_is_found_at_once_in_every_process(processes):
    book = BookFactory(title="Solaris", authors=["Stanislaw Lem"])
    assert found(processes, "solaris") == [(book.pk,)] * 2

    Book.objects.filter(pk=book.pk).update(title="Eden", search_text="eden")
    assert found(processes, "solaris") == [()] * 2
    assert found(processes, "eden") == [(book.pk,)] * 2

    Author.objects.filter(name="Stanislaw Lem").update(name="Kir Bulychev")
    assert found(processes, "lem") == [()] * 2
    assert found(processes, "bulychev") == [(book.pk,)] * 2

    series = Series.objects.create(name="Pilot Pirx")
    volume = Volume.objects.create(book=book, series=series, number=4, label="4")
    assert found(processes, "pirx 4") == [(book.pk,)] * 2
    volume.label = "5"
    volume.save()
    assert found(processes, "pirx 4") == [()] * 2
    volume.delete()
    assert found(processes, "pirx") == [()] * 2

    Authorship.objects.filter(book=book).delete()
    assert found(processes, "bulychev") == [()] * 2
    book.delete()
    assert found(processes, "eden") == [()] * 2


@pytest.mark.django_db
def test_a_book_that_a_curator_hides_is_found_no_more(client, processes):
    book = BookFactory(title="Solaris", authors=["Stanislaw Lem"])
    assert found(processes, "solaris") == [(book.pk,)] * 2
    curator = get_user_model().objects.create_superuser("curator", password="a-long-password-1")
    client.force_login(curator)
    answer = client.post(
        reverse("admin:catalog_book_change", args=[book.pk]),
        {
            "title": "Solaris",
            "authors_text": "Stanislaw Lem",
            "publication_year": "",
            "language": "",
            "is_hidden": "on",
            "cover_url": "",
            "description": "",
        },
    )
    assert answer.status_code == 302
    assert found(processes, "solaris") == found(processes, "lem") == [()] * 2
    # Neither is its title given away to those who misspell it.
    assert processes[0].look_up("solarsi").suggestions == ()
    assert processes[0].titles_like("solarsi").suggestions == ()


@pytest.mark.django_db
def test_what_search_does_not_look_at_makes_no_new_index(processes):
    BookFactory(title="Solaris")
    before = CatalogChange.objects.count()
    Book.objects.update(description="An ocean thinks.")
    assert CatalogChange.objects.count() == before


@pytest.mark.django_db
def test_one_query_tells_that_nothing_changed(processes, django_assert_num_queries):
    BookFactory(title="Solaris")
    processes[0].look_up("solaris")
    with django_assert_num_queries(1):
        processes[0].look_up("solaris")


@pytest.fixture
def another_session():
    """A connection of another process, in a transaction."""
    params = connection.get_connection_params()
    params.pop("cursor_factory", None)
    params.pop("context", None)
    other = psycopg2.connect(**params)
    yield other
    other.close()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_ends_after_a_later_one_is_noticed(processes, another_session):
    slow = another_session
    with slow.cursor() as cursor:
        cursor.execute("INSERT INTO catalog_author (name) VALUES ('Slow')")
    book = BookFactory(title="Solaris", authors=["Quick"])
    assert found(processes, "quick") == [(book.pk,)] * 2
    with slow.cursor() as cursor:
        cursor.execute("UPDATE catalog_book SET title = 'Eden', search_text = 'eden'")
    assert found(processes, "eden") == [()] * 2
    slow.commit()
    assert found(processes, "eden") == [(book.pk,)] * 2
    # An emptied catalogue, too, is another one.
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE catalog_book CASCADE")
    assert found(processes, "eden") == [()] * 2


@pytest.mark.django_db
def test_folded_changes_are_one_row_and_the_same_version():
    assert (catalog_version(), fold_changes()) == ((0, 0), 0)
    seen = {catalog_version()}
    for _ in range(3):
        BookFactory(authors=["Lem"])
        before = catalog_version()
        assert before not in seen
        assert fold_changes() == before[0]
        assert catalog_version() == before
        assert CatalogChange.objects.count() == 1
        seen.add(before)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_folding_could_not_see_is_noticed(processes, another_session):
    book = BookFactory(title="Solaris")
    with another_session.cursor() as cursor:
        # Begun before the changes are folded, ended after it.
        cursor.execute("UPDATE catalog_book SET title = 'Eden', search_text = 'eden'")
    BookFactory(title="Fiasco")
    assert found(processes, "solaris") == [(book.pk,)] * 2
    number, total = catalog_version()
    fold_changes()
    another_session.commit()
    assert catalog_version() > (number, total)
    assert found(processes, "eden") == [(book.pk,)] * 2
    assert (fold_changes(), CatalogChange.objects.count()) == (number + 1, 1)
