import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.services import issue_token, sign_up
from accounts.tests.factories import PASSWORD, ImportedReaderFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_sign_up_makes_a_reader_who_can_log_in(client) -> None:
    user = sign_up(username="alice", email="Alice@EXAMPLE.org", password=PASSWORD)
    assert user.source == User.Source.SITE
    assert user.email == "Alice@example.org"
    assert client.login(username="alice", password=PASSWORD)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": "Bob"}, "username"),  # taken, in other case
        ({"username": "no spaces"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"email": "BOB@example.org"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"email": ""}, "email"),
        ({"password": "12345678"}, "password"),
        ({"password": "short"}, "password"),
        ({"password": "charlie@example"}, "password"),  # too like the e-mail address
    ],
)
def test_sign_up_names_the_field_that_is_wrong(change: dict[str, str], field: str) -> None:
    UserFactory(username="bob", email="bob@example.org")
    good = {"username": "charlie", "email": "charlie@example.org", "password": PASSWORD}
    with pytest.raises(ValidationError) as raised:
        sign_up(**good | change)
    assert list(raised.value.message_dict) == [field]
    assert not User.objects.filter(username__iexact="charlie").exists()


def test_sign_up_reports_all_fields_at_once() -> None:
    with pytest.raises(ValidationError) as raised:
        sign_up(username="", email="", password="")
    assert set(raised.value.message_dict) == {"username", "email", "password"}


def test_a_token_is_issued_for_the_right_password_only() -> None:
    UserFactory(username="alice")
    assert issue_token(username="alice", password="wrong") is None
    assert issue_token(username="nobody", password=PASSWORD) is None
    issued = issue_token(username="alice", password=PASSWORD)
    assert issued is not None
    assert len(issued[1]) >= 40


def test_an_imported_reader_gets_no_token() -> None:
    reader = ImportedReaderFactory()
    assert issue_token(username=reader.username, password="!") is None
