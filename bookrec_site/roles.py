"""Who looks after the site: three groups, and what each may do. docs/roles.md shows the table."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.db import connections
from django.db.models.signals import post_migrate

from accounts.models import GivenPermission
from accounts.roles import give_once

CURATOR: Final = "curator"
OPERATOR: Final = "operator"
MODERATOR: Final = "moderator"

# Patterns of "app.codename", matched whole: a later permission of the kind comes along.
ROLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        CURATOR: (
            # Hiding keeps what readers said of a book; deleting it would take that along. Imports
            # and the journal are written by the site alone; who may change the latter may undo.
            r"catalog\.(?!delete_book$|(add|change|delete)_(dataimport|catalogchange)$"
            r"|(add|delete)_curationchange$).*",
            r"ratings\.(view|add|change)_bookmerge",
            r"moderation\.(view|change)_report",
        ),
        OPERATOR: (
            r"recommender\.(?!(add|delete)_trainingrun$).*",
            r"django_celery_beat\.(view|change|add)_(periodictask|crontabschedule|intervalschedule)",
            r"reports\..*",
            r"catalog\.view_(book|dataimport)",
        ),
        MODERATOR: (
            r"moderation\..*",
            r"accounts\.view_user",
            r"catalog\.view_book",
        ),
    }
)


def roles_after_migrate() -> None:
    """Have the groups given what is new whenever an app was migrated."""
    post_migrate.connect(_give, dispatch_uid="bookrec_site.roles")


def _give(sender: AppConfig, using: str, **kwargs: object) -> None:
    prefix = f"{sender.label}."
    if not any(pattern.startswith(re.escape(prefix)) for of in ROLES.values() for pattern in of):
        return
    # Migrated back to nothing, there are none.
    if GivenPermission._meta.db_table not in connections[using].introspection.table_names():
        return
    # Whose own turn, at the same signal, may come after this one.
    create_permissions(sender, verbosity=0, using=using)
    for role in ROLES:
        give_once(role, labels_of(role, app=sender.label), using=using)


def labels_of(role: str, *, app: str = "") -> set[str]:
    """Return the permissions of a role, as "app.codename"; of one app's models only, if asked."""
    patterns = [re.compile(pattern) for pattern in ROLES[role]]
    return {
        label for label in _labels(app) if any(pattern.fullmatch(label) for pattern in patterns)
    }


def _labels(app: str) -> Iterator[str]:
    for model in apps.get_app_config(app).get_models() if app else apps.get_models():
        options = model._meta
        names = [f"{action}_{options.model_name}" for action in options.default_permissions]
        for name in [*names, *(codename for codename, _ in options.permissions)]:
            yield f"{options.app_label}.{name}"
