"""A name is nobody's address and an address nobody's name, also where two sign up at once."""

import threading

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from accounts.services import sign_up
from accounts.tests.factories import PASSWORD
from bookrec_site.tests.waiting import until

ADDRESS = "ann@example.org"


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ({"username": "ann", "email": ADDRESS}, {"username": "Ann@Example.org"}, "username"),
        ({"username": ADDRESS, "email": "other@example.org"}, {"email": ADDRESS.upper()}, "email"),
        ({"username": "Bob", "email": ADDRESS}, {"username": "bob"}, "username"),
    ],
)
def test_of_two_who_sign_up_at_once_the_second_is_told(first, second, wrong) -> None:
    cache.clear()  # what other tests counted at this door
    body = {"username": "bob", "email": "bob@example.org", "password": PASSWORD} | second
    answers = []

    def ask() -> None:
        try:
            answers.append(Client().post("/api/v1/auth/signup/", body, "application/json"))
        finally:
            connection.close()

    asking = threading.Thread(target=ask)
    with transaction.atomic():
        one = sign_up(**first, password=PASSWORD)
        asking.start()
        until(lambda: answers or somebody_waits())
    asking.join()
    [answer] = answers
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["errors"]) == [wrong]
    assert list(User.objects.values_list("pk", flat=True)) == [one.pk]
