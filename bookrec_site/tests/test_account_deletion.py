"""A deletion that deletes, whichever app keeps something of the reader."""

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import issue_token
from accounts.tests.factories import PASSWORD
from ratings.services import dismiss_book, mark_read, shelve_book, write_note
from ratings.tests.readers import make_readers
from recommender.feedback.recording import Row, record_events
from recommender.tests.feedback.lists import list_of

pytestmark = pytest.mark.django_db


def kept_of(reader_id: int) -> dict[type[Model], int]:
    """Return how many rows of each table speak of the reader."""
    counts = {
        relation.related_model: relation.related_model._base_manager.filter(
            **{relation.field.name: reader_id}
        ).count()
        for relation in User._meta.related_objects
    }
    return {model: count for model, count in counts.items() if count}


def test_nothing_of_a_reader_is_left_anywhere_and_all_of_others_is() -> None:
    readers = make_readers()
    alice, bob = readers.alice, readers.bob
    for user in (alice, bob):
        write_note(user=user, book=readers.books[0], text="Mine alone.")
        mark_read(user=user, book=readers.books[0], finished_on=None)
        shelve_book(user=user, book=readers.books[20])
        dismiss_book(user=user, book=readers.books[21])
        issue_token(user)
        seen = Row(list_of(readers.books, user), "shown", readers.books[22].pk)
        [told] = record_events(reader=user, rows=[seen])
        assert told.result == "recorded"
    clients = {user.pk: Client() for user in (alice, bob)}
    for user in (alice, bob):
        clients[user.pk].force_login(user)
    alice_id, of_bob = alice.pk, kept_of(bob.pk)
    assert len(kept_of(alice_id)) >= 8
    clients[alice_id].post(reverse("account_delete"), {"password": PASSWORD})
    assert not User.objects.filter(pk=alice_id).exists()
    assert kept_of(alice_id) == {}
    assert kept_of(bob.pk) == of_bob
