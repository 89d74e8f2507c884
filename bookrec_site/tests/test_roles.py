"""Which of the groups gets in where, over every address of the administration."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.tests.factories import UserFactory
from bookrec_site.roles import CURATOR, MODERATOR, OPERATOR, ROLES, labels_of

pytestmark = pytest.mark.django_db

CURATORS, OPERATORS, MODERATORS = ({role} for role in (CURATOR, OPERATOR, MODERATOR))

# Open to whoever is staff; each decides for itself what of it somebody sees.
OF_STAFF = {
    "index",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "jsi18n",
    "autocomplete",
    "view_on_site",
    "app_list",
}
# Whose the addresses of an app are, unless the model or the address says otherwise below. A new
# address of these apps needs no entry; one of another app does.
APPS: dict[str, set[str]] = {
    "account": set(),
    "accounts": set(),
    "auth": set(),
    "catalog": CURATORS,
    "django_celery_beat": OPERATORS,
    "mfa": set(),
    "moderation": CURATORS | MODERATORS,
    "operations": OPERATORS,
    "ratings": set(),
    "recommender": OPERATORS,
    "reports": OPERATORS,
    "usersessions": set(),
}
# To be looked at, by the beginning of the address's name.
LOOKED_AT: dict[str, set[str]] = {
    "accounts_user": MODERATORS,
    "catalog_book": CURATORS | OPERATORS | MODERATORS,
    "catalog_dataimport": CURATORS | OPERATORS,
    "ratings_bookmerge": CURATORS,
    "django_celery_beat_clockedschedule": set(),
    "django_celery_beat_solarschedule": set(),
}
LOOKING = ("changelist", "change", "history")
MERGING = ("candidates", "compare", "undo")
# Lists that a role must get into, so that the table cannot be met by refusing everybody.
LISTS: dict[str, tuple[str, ...]] = {
    CURATOR: (
        "catalog_book",
        "catalog_author",
        "catalog_series",
        "catalog_tag",
        "catalog_genre",
        "catalog_dataimport",
        "ratings_bookmerge",
        "moderation_report",
    ),
    OPERATOR: (
        "recommender_trainingrun",
        "django_celery_beat_periodictask",
        "django_celery_beat_crontabschedule",
        "django_celery_beat_intervalschedule",
        "catalog_dataimport",
        "reports_report",
    ),
    MODERATOR: ("moderation_report", "accounts_user", "catalog_book"),
}


def addresses() -> Iterator[tuple[str, str]]:
    """Return the name and an address of everything in the administration, of object 1."""
    for pattern in admin.site.urls[0]:
        for one in getattr(pattern, "url_patterns", [pattern]):
            if isinstance(one, URLPattern) and one.name and one.name not in OF_STAFF:
                keys = one.pattern.converters
                yield one.name, reverse(f"admin:{one.name}", kwargs=dict.fromkeys(keys, 1))


def owners(name: str) -> set[str]:
    """Return the roles that may get in; KeyError for an app that the table does not know."""
    app = max((label for label in APPS if name.startswith(f"{label}_")), key=len)
    kind = name.rpartition("_")[2]
    for prefix, roles in LOOKED_AT.items():
        if name.startswith(f"{prefix}_"):
            if kind in LOOKING:
                return roles
            return roles if kind in MERGING else roles & APPS[app]
    return APPS[app]


def client_of(role: str | None, *, is_staff: bool = True) -> Client:
    user = UserFactory(is_staff=is_staff)
    if role:
        user.groups.add(Group.objects.get(name=role))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def test_every_address_is_somebodys():
    """An address of a new app is entered in APPS; `operations` is checked by its own tests."""
    found = [name for name, _ in addresses()]
    assert len(found) > 60
    for name in found:
        assert owners(name) <= set(ROLES), name


@pytest.mark.parametrize("role", [None, *ROLES])
def test_nobody_gets_in_whom_the_table_does_not_name(role):
    client = client_of(role)
    let_in = {}
    for name, address in addresses():
        if role in owners(name):
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(address)
            # What is not there leads to the index, before anybody is asked who they are.
            is_refused = answer.status_code in (403, 405) or answer.get("Location") == "/admin/"
            if not is_refused:
                let_in[name, method] = answer.status_code
    assert let_in == {}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_into_its_own_lists(role):
    client = client_of(role)
    answers = {
        name: client.get(reverse(f"admin:{name}_changelist")).status_code for name in LISTS[role]
    }
    assert answers == dict.fromkeys(LISTS[role], 200)


@pytest.mark.parametrize("is_reader", [True, False])
def test_readers_and_guests_get_nowhere(is_reader):
    client = client_of(None, is_staff=False) if is_reader else Client()
    for name, address in addresses():
        for method in ("get", "post"):
            answer = getattr(client, method)(address)
            assert answer.status_code == 302, name
            assert answer["Location"].startswith("/admin/login/"), name


def test_no_role_can_change_people_or_delete_what_readers_said():
    for role in ROLES:
        labels = set(
            Permission.objects.filter(group__name=role).values_list(
                "content_type__app_label", "codename"
            )
        )
        assert {codename for app, codename in labels if app == "accounts"} <= {"view_user"}
        assert not {codename for app, codename in labels if app in ("auth", "mfa", "account")}
        assert ("catalog", "delete_book") not in labels
        assert not [name for app, name in labels if app == "ratings" and "bookmerge" not in name]


def test_curators_may_undo_what_curators_did_and_nobody_rewrites_the_journal():
    """`change_curationchange` is what the administration asks for before it undoes a change."""
    journal = {
        role: {x for x in labels_of(role) if x.endswith("_curationchange")} for role in ROLES
    }
    assert journal == {
        CURATOR: {"catalog.view_curationchange", "catalog.change_curationchange"},
        OPERATOR: set(),
        MODERATOR: set(),
    }


def test_groups_have_what_is_said_and_migrating_again_keeps_an_administrators_changes():
    def held(role: str) -> set[str]:
        group = Group.objects.get(name=role)
        return {
            f"{app}.{name}"
            for app, name in group.permissions.values_list("content_type__app_label", "codename")
        }

    for role in ROLES:
        assert held(role) == labels_of(role)
        assert held(role)
    curators = Group.objects.get(name=CURATOR)
    curators.permissions.remove(Permission.objects.get(codename="change_book"))
    curators.permissions.add(Permission.objects.get(codename="view_rating"))
    call_command("migrate", verbosity=0)
    assert held(CURATOR) == labels_of(CURATOR) - {"catalog.change_book"} | {"ratings.view_rating"}


def test_what_the_roles_name_is_there():
    """A model that was renamed leaves a pattern that means nothing."""
    for role, patterns in ROLES.items():
        apps_named = {label.split(".")[0] for label in labels_of(role)}
        assert apps_named <= {config.label for config in apps.get_app_configs()}
        assert len(apps_named) == len({pattern.split(r"\.")[0] for pattern in patterns}), role
