"""The readers of a data set become users that cannot log in."""

# ruff: noqa: S608 - the tables and columns in these statements are this module's own names.
import numpy as np
from django.utils import timezone

from accounts.models import User
from catalog.goodbooks.bulk import (
    copy_columns,
    create_stage,
    execute,
    fetch,
    fetch_integers,
    model_defaults,
)
from catalog.goodbooks.integers import Integers


def ensure_readers(source: User.Source, external_ids: Integers) -> tuple[Integers, int]:
    """Make a user of each reader who has none yet.

    Parameters
    ----------
    external_ids
        Numbers of readers in the data set, distinct and ascending.

    Returns
    -------
    The users' ids in the same order, and how many users were added.
    """
    create_stage("stage_reader", "external_id bigint PRIMARY KEY, username text")
    copy_columns("stage_reader", {"external_id": ("bigint", external_ids)}, len(external_ids))
    execute("UPDATE stage_reader SET username = %s || external_id", [f"{source}-"])
    _step_aside(source)
    execute("ANALYZE stage_reader")
    given = ["username", "external_id"]
    defaults = model_defaults(User, given=given) | {
        "password": "!",
        "is_active": False,
        "source": source,
        "date_joined": timezone.now(),
    }
    added = execute(
        f"INSERT INTO accounts_user ({', '.join([*given, *defaults])}) "
        f"SELECT s.username, s.external_id, {', '.join('%s' for _ in defaults)} "
        "FROM stage_reader s WHERE NOT EXISTS (SELECT FROM accounts_user t "
        "WHERE t.source = %s AND t.external_id = s.external_id) ORDER BY s.external_id",
        [*defaults.values(), source],
    )
    rows = fetch_integers(
        "SELECT t.external_id, t.id FROM stage_reader s JOIN accounts_user t USING (external_id) "
        "WHERE t.source = %s ORDER BY 1",
        [source],
    )
    if not np.array_equal(rows[:, 0], external_ids):
        raise AssertionError("a reader has no user although one was just made for each")
    return rows[:, 1].copy(), added


def _step_aside(source: User.Source) -> None:
    """Leave "goodbooks-7" to a person who signed up by that name; reader 7 takes another."""
    taken = {
        name
        for (name,) in fetch(
            "SELECT lower(username) FROM accounts_user "
            "WHERE source <> %s AND lower(username) LIKE %s",
            [source, f"{source}-%"],
        )
    }
    for name in taken:
        if name.removeprefix(f"{source}-").isdecimal():
            free = f"{name}-reader"
            while free in taken:
                free += "-"
            execute("UPDATE stage_reader SET username = %s WHERE username = %s", [free, name])
