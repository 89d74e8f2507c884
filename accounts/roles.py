"""Groups of the people who look after the site, and the permissions that come with them.

What each group gets is said in `bookrec_site.roles`, which knows every app.
"""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat

from accounts.models import GivenPermission


@transaction.atomic
def give_once(role: str, labels: Iterable[str], *, using: str = "default") -> int:
    """Give a group, made when missing, the permissions that it was never given before.

    A label is "app.codename". So a permission that is new comes along, and one that an
    administrator took from the group does not return. Returns how many were given; those of which
    the database does not know yet come another time.
    """
    group, _ = Group.objects.using(using).get_or_create(name=role)
    given = set(
        GivenPermission.objects.using(using).filter(group=group).values_list("label", flat=True)
    )
    labels = set(labels)
    apps = {label.split(".")[0] for label in labels}
    rows = (
        Permission.objects.using(using)
        .filter(content_type__app_label__in=apps)
        .annotate(label=Concat("content_type__app_label", Value("."), "codename"))
    )
    new = list(rows.filter(label__in=labels - given))
    group.permissions.add(*new)
    GivenPermission.objects.using(using).bulk_create(
        [GivenPermission(group=group, label=row.label) for row in new], ignore_conflicts=True
    )
    return len(new)
