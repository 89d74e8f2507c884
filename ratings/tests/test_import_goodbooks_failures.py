"""An import that fails leaves the database as it was."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import psycopg2
import pytest
from django.db import connection

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.goodbooks.errors import DatasetError, ImportRunningError
from catalog.models import Author, Book, DataImport, Source, Tag
from catalog.tests.factories import BookFactory
from catalog.tests.goodbooks_folders import write_dataset, write_ratings, write_table
from catalog.tests.test_goodbooks_bulk import definitions
from ratings import data_lock
from ratings.models import Rating
from ratings.services import rate_book
from ratings.tests.goodbooks_data import import_folder

MODELS = (User, Book, Author, Tag, Rating, DataImport)


def _counts() -> list[int]:
    return [model.objects.count() for model in MODELS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "goodbooks")


class _Failing:
    """Progress that fails when a stage begins."""

    def __init__(self, stage: str, fail: Callable[[], None]) -> None:
        self.stage = stage
        self.fail = fail

    def start(self, stage: str, total: int | None = None) -> None:
        if stage == self.stage:
            self.fail()

    def advance(self, amount: int) -> None:
        pass


def _disk_full() -> None:
    raise OSError(28, "No space left on device", "skipped.csv")


@pytest.mark.django_db
@pytest.mark.parametrize("stage", ["tags.csv", "to_read.csv into the database", "commit"])
def test_an_exception_half_way_leaves_nothing(folder: Path, stage: str) -> None:
    with pytest.raises(DatasetError, match="skipped.csv: No space left on device"):
        import_folder(folder, progress=_Failing(stage, _disk_full))

    assert _counts() == [0] * len(MODELS)


def _remove_ratings_column(folder: Path) -> None:
    write_table(folder / "ratings.csv", ("user_id", "book_id", "stars"), [(1, 1, 5)])


def _rate_unknown_books(folder: Path) -> None:
    write_ratings(folder, [(1, 77, 5), (1, 78, 5)])


def _empty_ratings(folder: Path) -> None:
    (folder / "ratings.csv").write_bytes(b"")


def _without_rows(folder: Path) -> None:
    write_ratings(folder, [])


def _without_books(folder: Path) -> None:
    (folder / "books.csv").unlink()


def _without_tags(folder: Path) -> None:
    (folder / "tags.csv").unlink()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            _remove_ratings_column,
            "ratings.csv lacks the column rating; found: user_id, book_id, stars",
        ),
        (_rate_unknown_books, r"None of the 2 rows of ratings.csv can be used; .* unknown book"),
        (_empty_ratings, "ratings.csv is empty"),
        (_without_rows, "ratings.csv has a header but no rows"),
        (_without_books, "book_tags.csv can be used|that the catalogue does not have yet"),
        (_without_tags, "book_tags.csv needs tags.csv"),
    ],
)
def test_an_unusable_file_stops_the_import_before_anything_changes(
    folder: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(folder)

    with pytest.raises(DatasetError, match=message):
        import_folder(folder)

    assert _counts() == [0] * len(MODELS)


@pytest.mark.django_db
def test_ratings_without_a_catalogue_are_refused(tmp_path: Path) -> None:
    write_ratings(tmp_path / "kaggle", [(1, 1, 5)])

    with pytest.raises(DatasetError, match="books that the catalogue does not have yet"):
        import_folder(tmp_path / "kaggle")


@pytest.mark.django_db
def test_a_failure_keeps_the_built_in_set(folder: Path, tmp_path: Path) -> None:
    import_folder(write_dataset(tmp_path / "builtin"), source=Source.BUILTIN)
    before = _counts()
    _rate_unknown_books(folder)

    with pytest.raises(DatasetError):
        import_folder(folder)

    assert _counts() == before


@pytest.mark.django_db
def test_the_built_in_set_never_joins_real_data(folder: Path, tmp_path: Path) -> None:
    import_folder(folder)

    with pytest.raises(DatasetError, match="only for an empty one"):
        import_folder(write_dataset(tmp_path / "builtin"), source=Source.BUILTIN)


@pytest.mark.django_db
def test_a_second_import_at_the_same_time_is_refused(folder: Path) -> None:
    with psycopg2.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.cursor().execute("SELECT pg_advisory_xact_lock(%s)", [data_lock.LOCK])

        with pytest.raises(ImportRunningError, match="Another import is running"):
            import_folder(folder)
    other.close()

    assert _counts() == [0] * len(MODELS)
    assert import_folder(folder).changed


_KILLED = """
    import os, signal, sys
    from pathlib import Path
    import django
    django.setup()
    from catalog.goodbooks import links
    from ratings.tests.goodbooks_data import import_folder

    class Killing:
        def start(self, stage, total=None):
            if stage == "genres":
                os.kill(os.getpid(), signal.SIGKILL)
        def advance(self, amount):
            pass

    links.BULK_ROWS = 1
    import_folder(Path(sys.argv[1]), progress=Killing())
"""


@pytest.mark.django_db(transaction=True)
def test_a_killed_import_leaves_rows_constraints_and_indexes_as_they_were(folder: Path) -> None:
    rate_book(user=UserFactory(), book=BookFactory(), stars=3)
    tables = ("ratings_rating", "ratings_shelfentry", "catalog_booktag")
    before = _counts(), [definitions(table) for table in tables]
    parameters = connection.get_connection_params()
    place = urlencode({key: parameters[key] for key in ("host", "port") if key in parameters})
    login = f"{parameters.get('user', '')}:{parameters.get('password', '')}"
    address = f"postgresql://{login}@/{parameters['dbname']}?{place}"

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_KILLED), str(folder)],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "bookrec_site.settings.test", "DATABASE_URL": address},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (_counts(), [definitions(table) for table in tables]) == before
    # The lock went with the process.
    assert import_folder(folder).changed
