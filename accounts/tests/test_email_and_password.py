"""Confirming an address, changing it, and a new password, as mails and pages lead through them."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, User
from accounts.services import issue_token, sign_up
from accounts.tests.factories import PASSWORD, ImportedReaderFactory, UserFactory

pytestmark = pytest.mark.django_db

SIGN_UP = {"username": "dora", "email": "Dora@Example.org", "password": "seven green lamps"}
NEW = {"password1": "eight yellow boats", "password2": "eight yellow boats"}


def link_in(message: mail.EmailMessage) -> str:
    """Return the path of the one link in a mail."""
    [path] = re.findall(r"http://testserver(/\S+)", message.body)
    return path


@pytest.fixture
def alice() -> User:
    return sign_up(username="alice", email="alice@example.org", password=PASSWORD)


def test_signing_up_sends_a_link_that_confirms_the_address(client, mailoutbox):
    client.post(reverse("account_signup"), SIGN_UP)
    [message] = mailoutbox
    assert message.to == ["dora@example.org"]
    page = client.get(link_in(message))
    assert "dora@example.org" in page.content.decode()
    assert not EmailAddress.objects.get().verified
    client.post(link_in(message))
    assert EmailAddress.objects.get().verified
    assert "does not work any more" in client.get(link_in(message)).content.decode()


def test_a_forged_link_confirms_nothing(client):
    for key in ("x", "MQ:1abc:def", "-:-", "x" * 5000):
        assert client.post(reverse("account_confirm_email", args=[key])).status_code == 404
        assert client.get(reverse("account_confirm_email", args=[key])).status_code == 200


def test_where_it_is_mandatory_nobody_is_logged_in_before_the_link(client, settings, mailoutbox):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answer = client.post(reverse("account_signup"), SIGN_UP, follow=True)
    assert "One more step" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    login = {"login": "dora", "password": SIGN_UP["password"]}
    assert client.post(reverse("account_login"), login)["Location"].endswith("/confirm-email/")
    Client().post(link_in(mailoutbox[0]))
    client.post(reverse("account_login"), login)
    assert "_auth_user_id" in client.session


def test_a_new_address_waits_until_it_is_confirmed(client, alice, mailoutbox):
    client.force_login(alice)
    client.post(reverse("account_email"), {"action_add": "1", "email": "New@example.org"})
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    assert "new@example.org" in client.get(reverse("account_email")).content.decode()
    [message] = mailoutbox
    assert message.to == ["new@example.org"]
    client.post(link_in(message))
    alice.refresh_from_db()
    assert alice.email == "new@example.org"
    [address] = EmailAddress.objects.filter(user=alice)
    assert (address.email, address.primary, address.verified) == ("new@example.org", True, True)
    # The old address is told, in case it was somebody else.
    assert mailoutbox[-1].to == ["alice@example.org"]


def test_a_change_can_be_taken_back_but_the_address_itself_not_removed(client, alice):
    client.force_login(alice)
    client.post(reverse("account_email"), {"action_add": "1", "email": "new@example.org"})
    for address in ("alice@example.org", "new@example.org"):
        client.post(reverse("account_email"), {"action_remove": "1", "email": address})
    [kept] = EmailAddress.objects.filter(user=alice)
    assert kept.email == "alice@example.org"


def test_a_second_change_replaces_the_first(client, alice):
    client.force_login(alice)
    for address in ("one@example.org", "two@example.org"):
        client.post(reverse("account_email"), {"action_add": "1", "email": address})
    found = set(EmailAddress.objects.filter(user=alice).values_list("email", flat=True))
    assert found == {"alice@example.org", "two@example.org"}


@pytest.mark.parametrize("typed", ["BOB@example.org", "eve@example.org"])
def test_whether_an_address_is_anothers_is_told_to_that_address_alone(
    client, alice, mailoutbox, typed
):
    UserFactory(username="bob", email="bob@example.org")
    UserFactory(username="eve@example.org", email="other@example.org")
    client.force_login(alice)
    pages = []
    for address in (typed, "free@example.org"):
        answer = client.post(
            reverse("account_email"), {"action_add": "1", "email": address}, follow=True
        )
        html = re.sub(r'csrf\w*" value="\w+"|X-CSRFToken": "\w+', "", answer.content.decode())
        pages.append((answer.redirect_chain, html.replace(address.lower(), "…")))
        again = {"action_send": "1", "email": address}
        client.post(reverse("account_email"), again, follow=True)
    assert pages[0] == pages[1]
    told, asked = mailoutbox[0], mailoutbox[-1]
    assert (told.to, asked.to) == ([typed.lower()], ["free@example.org"])
    assert told.subject == "Somebody gave your e-mail address"
    # Nothing in it confirms anything, or says who asked.
    assert "http" not in told.body
    assert "alice" not in told.body


@pytest.mark.parametrize("typed", ["", "nonsense", "a\0b@example.org", "x" * 300 + "@a.bc"])
def test_an_address_that_is_bad_is_refused(client, alice, typed):
    client.force_login(alice)
    answer = client.post(reverse("account_email"), {"action_add": "1", "email": typed})
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["email"]
    assert EmailAddress.objects.filter(user=alice).count() == 1


def test_an_address_that_somebody_took_meanwhile_is_not_confirmed(client, alice, mailoutbox):
    client.force_login(alice)
    client.post(reverse("account_email"), {"action_add": "1", "email": "new@example.org"})
    UserFactory(username="bob", email="NEW@example.org")
    answer = client.post(link_in(mailoutbox[0]), follow=True)
    assert "address of another account" in answer.content.decode()
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_an_unconfirmed_address_is_not_made_the_present_one_by_hand(client, alice):
    client.force_login(alice)
    client.post(reverse("account_email"), {"action_add": "1", "email": "new@example.org"})
    client.post(reverse("account_email"), {"action_primary": "1", "email": "new@example.org"})
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_somebody_elses_waiting_address_cannot_be_touched(client, alice, mailoutbox):
    bob = UserFactory(username="bob")
    client.force_login(bob)
    for action in ("action_send", "action_remove", "action_primary"):
        client.post(reverse("account_email"), {action: "1", "email": "alice@example.org"})
    assert EmailAddress.objects.filter(user=alice).count() == 1
    assert mailoutbox == []


# Passwords


def test_a_lost_password_is_replaced_through_a_mail(client, alice, mailoutbox):
    thief = Client()
    thief.force_login(alice)
    _, secret = issue_token(alice)
    client.post(reverse("account_reset_password"), {"email": "ALICE@example.org"})
    [message] = mailoutbox
    assert "alice" in message.body
    form = client.get(link_in(message), follow=True)
    assert form.status_code == 200
    # The key is not in the address of the page, which other sites could see.
    assert form.request["PATH_INFO"].endswith("-set-password/")
    client.post(form.request["PATH_INFO"], NEW)
    alice.refresh_from_db()
    assert alice.check_password(NEW["password1"])
    assert thief.get(reverse("account")).status_code == 302
    assert not ApiToken.objects.exists()
    again = Client().get(link_in(message), follow=True)
    assert "does not work any more" in again.content.decode()


def test_a_weak_new_password_is_refused_by_the_rules_of_sign_up(client, alice, mailoutbox):
    client.post(reverse("account_reset_password"), {"email": alice.email})
    form = client.get(link_in(mailoutbox[0]), follow=True)
    for weak in ("12345678", "alice@example", "short", "a\0bcdefghij"):
        answer = client.post(form.request["PATH_INFO"], {"password1": weak, "password2": weak})
        assert "password1" in answer.context["form"].errors
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_way_to_a_new_password_does_not_tell_who_has_an_account(client, alice, mailoutbox):
    answers = []
    for address in ("alice@example.org", "nobody@example.org"):
        answer = client.post(reverse("account_reset_password"), {"email": address}, follow=True)
        html = re.sub(r'csrf\w*" value="\w+"|X-CSRFToken": "\w+', "", answer.content.decode())
        answers.append((answer.redirect_chain, html))
    assert answers[0] == answers[1]
    # Both get a mail, so that not even the time tells.
    assert [message.to for message in mailoutbox] == [["alice@example.org"], ["nobody@example.org"]]
    assert "/password/reset/" not in mailoutbox[1].body


def test_imported_readers_and_closed_accounts_get_no_link(client, mailoutbox):
    ImportedReaderFactory(email="data@example.org")
    UserFactory(email="closed@example.org", is_active=False)
    for address in ("data@example.org", "closed@example.org"):
        client.post(reverse("account_reset_password"), {"email": address})
    assert all("/password/reset/key/" not in message.body for message in mailoutbox)


@pytest.mark.parametrize("path", ["1-x", "zzzzzzzzzzzzz-x", "1-" + "x" * 3000, "0-set-password"])
def test_a_forged_link_to_a_new_password_opens_nothing(client, alice, path):
    answer = client.get(f"/account/password/reset/key/{path}/")
    assert answer.status_code == 200
    assert "does not work any more" in answer.content.decode()
    client.post(f"/account/password/reset/key/{path}/", NEW)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_asking_for_links_is_limited_and_says_so(client, settings):
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "2/m/ip"}
    cache.clear()
    ask = {"email": "nobody@example.org"}
    answers = [client.post(reverse("account_reset_password"), ask) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert "A little slower" in answers[-1].content.decode()
    cache.clear()


def test_changing_the_password_ends_other_sessions_and_keeps_this_one(client, alice, mailoutbox):
    other = Client()
    other.force_login(alice)
    client.force_login(alice)
    before = client.session.session_key
    issue_token(alice)
    page = client.get(reverse("account_change_password")).content.decode()
    assert "ends your API tokens" in page
    change = NEW | {"oldpassword": PASSWORD}
    assert client.post(reverse("account_change_password"), change).status_code == 302
    assert client.get(reverse("account")).status_code == 200
    assert client.session.session_key != before
    assert other.get(reverse("account")).status_code == 302
    assert not ApiToken.objects.exists()
    assert [one.is_current for one in client.get(reverse("account_sessions")).context["sessions"]]
    assert mailoutbox[-1].subject == "Your password was changed"


@pytest.mark.parametrize(
    "change",
    [
        {"oldpassword": "wrong"},
        {"oldpassword": "a\0b"},
        {"oldpassword": ""},
        {"password1": "12345678", "password2": "12345678"},
        {"password2": "something else entirely"},
    ],
)
def test_a_bad_change_of_password_changes_nothing(client, alice, change):
    client.force_login(alice)
    answer = client.post(
        reverse("account_change_password"), NEW | {"oldpassword": PASSWORD} | change
    )
    assert answer.status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_mail_server_that_is_away_stops_nobody(client, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    answer = client.post(reverse("account_signup"), SIGN_UP)
    assert answer.status_code == 302
    assert "_auth_user_id" in client.session
    assert "was not sent" in caplog.text
