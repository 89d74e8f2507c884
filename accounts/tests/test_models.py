import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction

from accounts.models import ApiToken, User
from accounts.tests.factories import PASSWORD, ImportedReaderFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_an_imported_reader_cannot_log_in() -> None:
    reader = ImportedReaderFactory()
    assert authenticate(username=reader.username, password="!") is None
    assert not reader.has_usable_password()


@pytest.mark.parametrize(
    "change",
    [
        {"is_active": True},
        {"is_staff": True},
        {"is_superuser": True},
        {"password": "pbkdf2_sha256$1$salt$digest"},
        {"external_id": None},
        {"source": User.Source.SITE},
    ],
)
def test_the_database_keeps_imported_readers_from_becoming_people(change: dict) -> None:
    reader = ImportedReaderFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=reader.pk).update(**change)


def test_two_readers_of_one_data_set_cannot_share_a_number() -> None:
    ImportedReaderFactory(external_id=7)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportedReaderFactory(external_id=7, username="other")


def test_usernames_and_emails_are_unique_ignoring_case() -> None:
    UserFactory(username="alice", email="alice@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(username="ALICE", email="other@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(username="other", email="Alice@Example.org")


def test_the_database_keeps_no_token_secret() -> None:
    user = UserFactory(password=PASSWORD)
    token, secret = ApiToken.objects.create(user=user)
    stored = {str(value) for value in ApiToken.objects.filter(pk=token.pk).values().get().values()}
    assert secret not in stored
