"""Housekeeping."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken
from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.tasks import clear_expired

pytestmark = pytest.mark.django_db


def test_what_is_over_is_cleared_away_and_what_is_not_stays() -> None:
    alice = UserFactory()
    here, there, elsewhere = Client(), Client(), Client()
    for client in (here, there, elsewhere):
        client.force_login(alice)
    there.post(reverse("account_logout"))
    yesterday = timezone.now() - timedelta(days=1)
    Session.objects.filter(pk=elsewhere.session.session_key).update(expire_date=yesterday)
    old, _ = issue_token(alice)
    new, _ = issue_token(alice)
    ApiToken.objects.filter(pk=old.pk).update(expiry=yesterday)
    for _ in range(2):
        clear_expired()
        kept = UserSession.objects.values_list("session_key", flat=True)
        assert list(kept) == [here.session.session_key]
        assert list(ApiToken.objects.all()) == [new]
