"""How several processes share out the tests: `pytest -n 2`.

A process takes a file at a time, so that what a module makes is made once. Two kinds of tests go
another way than their file. All that look at a site that is made once for a whole session, as that
on the real data is, are one piece of work, and so are those of the cluster. Those that empty the
database when they are done come last, because the rows that migrations had written are gone then.
"""

import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

REAL_SITE = "real-site"
SMALL_SITE = "small-site"
CLUSTER = "cluster"
_EMPTYING = {"live_server", "transactional_db"}


class ByFile(LoadScopeScheduling):
    """Gives a process the next piece of work: a file, or what belongs together otherwise."""

    def __init__(self, config: pytest.Config, log: Any, folder: Path) -> None:
        # Not the file with the most tests first: that which takes longest.
        config.option.loadscopereorder = False
        super().__init__(config, log)
        self._folder = folder

    @cached_property
    def _pieces(self) -> dict[str, str]:
        # Every process has found the same.
        return dict(json.loads(next(self._folder.glob("*.json")).read_text()))

    def _split_scope(self, nodeid: str) -> str:
        return self._pieces.get(nodeid) or nodeid.split("::")[0]


def tell_apart(items: list[pytest.Item]) -> None:
    """Give tests that go by the same id their own.

    schemathesis makes a test of each operation and calls all of them by their function; of those
    that share an id only one would be shared out.
    """
    n_called = Counter(item.nodeid for item in items)
    for item in items:
        if n_called[item.nodeid] > 1 and item.id.params is None:
            # As pytest writes ids of its own; it has no public way to say it.
            item._id = item.id.with_params(item.name.partition("[")[2].removesuffix("]"))
    for nodeid, n_items in Counter(item.nodeid for item in items).items():
        if n_items > 1:
            raise pytest.UsageError(f"{n_items} tests are called {nodeid}.")


def arrange(items: list[pytest.Item], told: Path) -> None:
    """Order the tests, and write down which belong together beyond their file.

    What takes longest is first, so that no process is left alone with it.
    """
    items.sort(key=_rank)
    pieces = {item.nodeid: piece for item in items if (piece := _piece(item))}
    told.write_text(json.dumps(pieces))


def _rank(item: pytest.Item) -> int:
    if _empties_the_database(item):
        return 3
    if _sees_the_real_site(item):
        return 0
    is_long = item.get_closest_marker("slow") or _sees_the_small_site(item)
    return 1 if is_long else 2


def _piece(item: pytest.Item) -> str:
    if _sees_the_real_site(item):
        return REAL_SITE
    if _sees_the_small_site(item):
        return SMALL_SITE
    if item.get_closest_marker("cluster"):
        return CLUSTER
    return f"emptying {item.path.name}" if _empties_the_database(item) else ""


def _sees_the_real_site(item: pytest.Item) -> bool:
    marked = any(REAL_SITE in mark.args for mark in item.iter_markers("xdist_group"))
    return marked or "goodbooks_site" in _fixtures(item)


def _sees_the_small_site(item: pytest.Item) -> bool:
    return "small_site" in _fixtures(item)


def _empties_the_database(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return bool((marker and marker.kwargs.get("transaction")) or _EMPTYING & _fixtures(item))


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))
