from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.errors import LastSuperuser
from accounts.models import ApiToken, User
from accounts.services import delete_account, issue_token, revoke_token, sign_up
from accounts.tests.factories import PASSWORD, UserFactory

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


def test_sign_up_notes_the_address_that_waits_to_be_confirmed() -> None:
    user = sign_up(username="alice", email="Alice@EXAMPLE.org", password=PASSWORD)
    address = EmailAddress.objects.get(user=user)
    assert (address.email, address.primary, address.verified) == ("alice@example.org", True, False)


def test_a_new_token_clears_expired_ones_away() -> None:
    alice, bob = UserFactory(), UserFactory()
    for user in (alice, bob):
        old, _ = issue_token(user)
        ApiToken.objects.filter(pk=old.pk).update(expiry=timezone.now() - timedelta(days=1))
    token, secret = issue_token(alice)
    assert len(secret) >= 40
    assert list(ApiToken.objects.filter(user=alice)) == [token]
    assert bob.auth_token_set.count() == 1


def test_a_reader_revokes_only_their_own_tokens() -> None:
    alice, bob = UserFactory(), UserFactory()
    token, _ = issue_token(alice)
    assert not revoke_token(bob, token.token_key)
    assert ApiToken.objects.filter(pk=token.pk).exists()
    assert revoke_token(alice, token.token_key)
    assert not ApiToken.objects.exists()


def test_deleting_an_account_takes_what_is_its_own_and_nothing_else() -> None:
    alice = sign_up(username="alice", email="alice@example.org", password=PASSWORD)
    bob = sign_up(username="bob", email="bob@example.org", password=PASSWORD)
    for user in (alice, bob):
        issue_token(user)
    delete_account(alice)
    assert list(User.objects.all()) == [bob]
    assert list(EmailAddress.objects.values_list("user", flat=True)) == [bob.pk]
    assert list(ApiToken.objects.values_list("user", flat=True)) == [bob.pk]


def test_the_last_administrator_cannot_leave() -> None:
    last = UserFactory(is_superuser=True, is_staff=True)
    UserFactory(is_superuser=True, is_active=False)
    with pytest.raises(LastSuperuser, match="only administrator"):
        delete_account(last)
    assert User.objects.filter(pk=last.pk).exists()
    UserFactory(is_superuser=True)
    delete_account(last)
    assert not User.objects.filter(pk=last.pk).exists()


@pytest.mark.parametrize("name", ["like-me", "Like-Me", ".", ".."])
def test_nobody_has_a_name_that_is_another_address(name: str) -> None:
    with pytest.raises(ValidationError) as told:
        sign_up(username=name, email="a@example.org", password=PASSWORD)
    assert list(told.value.message_dict) == ["username"]
