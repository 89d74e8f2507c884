"""Writes the demo's accounts into the database."""

from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from bookrec_site.demo.logins import CURATOR, Login
from bookrec_site.roles import ROLES


@transaction.atomic
def create_demo_users(logins: Sequence[Login]) -> None:
    """Make or update the demo's accounts, so that exactly these logins work.

    The curator of a demo is its operator and moderator too: in all groups of `bookrec_site.roles`.
    """
    for login in logins:
        user = User.objects.filter(username__iexact=login.username).first()
        if user is None:
            user = User(username=login.username)
        user.is_active = True
        user.is_staff = login.username == CURATOR
        # A password that is right already stays: a new hash would end everybody's session.
        if not user.pk or not user.check_password(login.password):
            user.set_password(login.password)
        user.save()
        if user.is_staff:
            user.groups.add(*Group.objects.filter(name__in=ROLES))
