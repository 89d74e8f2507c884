"""Writes the demo's accounts into the database."""

from collections.abc import Sequence

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from accounts.models import User
from bookrec_site.demo.logins import CURATOR, Login

CURATORS = "curators"


@transaction.atomic
def create_demo_users(logins: Sequence[Login]) -> None:
    """Make or update the demo's accounts, so that exactly these logins work.

    The curator is staff with every permission on the catalogue, and may look after training runs
    and their schedule.
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
            user.groups.add(_curators())


def _curators() -> Group:
    group, _ = Group.objects.get_or_create(name=CURATORS)
    group.permissions.set(
        Permission.objects.filter(
            Q(content_type__app_label="catalog")
            | Q(codename__in=["view_trainingrun", "change_trainingrun"])
            | Q(
                content_type__app_label="django_celery_beat",
                codename__regex=r"^(view|change|add)_(periodictask|crontabschedule|intervalschedule)$",
            )
        )
    )
    return group
