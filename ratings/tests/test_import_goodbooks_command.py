"""manage.py import_goodbooks, as the person who types it sees it."""

import hashlib
import subprocess
import sys
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries, Settings

from catalog.goodbooks.download import Expectation, Release
from catalog.models import Book, DataImport, Source
from catalog.tests.goodbooks_folders import RATINGS, write_dataset, write_ratings
from catalog.tests.test_goodbooks_download import Server
from catalog.tests.test_goodbooks_download import server as server  # a fixture
from ratings.goodbooks import choosing
from ratings.models import Rating


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "goodbooks")


@pytest.fixture(autouse=True)
def local_dir(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data of its own and with nothing in the environment."""
    settings.LOCAL_DIR = tmp_path / "local"
    settings.BASE_DIR = tmp_path / "project"
    monkeypatch.delenv("GOODBOOKS_DIR", raising=False)
    # Nobody listens there: as good as no network.
    monkeypatch.setenv("GOODBOOKS_URL", "http://127.0.0.1:9/goodbooks-10k.zip")
    return tmp_path / "local"


def _run(*arguments: object, **options: object) -> str:
    out = StringIO()
    call_command("import_goodbooks", *map(str, arguments), stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db
def test_the_table_says_what_was_done_per_file(folder: Path) -> None:
    write_ratings(folder, [*RATINGS, (1, 2, 9)])

    lines = _run(folder).splitlines()

    table = [line.split() for line in lines]
    assert ["file", "read", "added", "updated", "unchanged", "skipped"] in table
    assert ["books.csv", "4", "4", "0", "0", "0"] in table
    assert ["ratings.csv", "6", "5", "0", "0", "1"] in table
    assert "ratings.csv: 1 skipped: rating is not 1, 2, 3, 4 or 5" in lines
    [where] = [line for line in lines if line.startswith("The skipped rows are in ")]
    assert Path(where.removeprefix("The skipped rows are in ")).is_file()


@pytest.mark.django_db
def test_the_skipped_rows_go_where_they_are_wanted(folder: Path, tmp_path: Path) -> None:
    write_ratings(folder, [*RATINGS, (1, 2, 9)])

    _run(folder, "--skipped", tmp_path / "bad" / "rows.csv")

    assert (tmp_path / "bad" / "rows.csv").read_text().splitlines() == [
        "file,line,reason,row",
        'ratings.csv,7,"rating is not 1, 2, 3, 4 or 5","1,2,9"',
    ]


@pytest.mark.django_db
def test_a_second_run_says_that_nothing_changed(folder: Path) -> None:
    assert "Nothing changed." not in _run(folder)
    assert "Nothing changed." in _run(folder)


@pytest.mark.django_db
def test_no_word_is_said_with_verbosity_0(folder: Path) -> None:
    assert _run(folder, verbosity=0) == ""
    assert Book.objects.count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give either PATH or --auto"),
        (("folder", "--auto"), "Give either PATH or --auto"),
        (("no-such-folder",), "no-such-folder does not exist.*Nothing was changed"),
        (("http://127.0.0.1:9/x.zip",), "cannot be downloaded"),
    ],
)
def test_unusable_input_ends_with_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        _run(*arguments)

    assert caught.value.returncode == 2
    assert "\n" not in str(caught.value)


@pytest.mark.django_db
def test_an_interruption_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(source: str) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("ratings.goodbooks.importing.update_genres", interrupt)

    with pytest.raises(CommandError, match="Interrupted. Nothing was changed") as caught:
        _run(folder)

    assert caught.value.returncode == 130
    assert not Book.objects.exists()


@pytest.mark.django_db
def test_auto_takes_goodbooks_dir_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(tmp_path / "project" / "data" / "goodbooks")
    monkeypatch.setenv("GOODBOOKS_DIR", str(folder))

    out = _run("--auto")

    assert out.startswith(f"Data: goodbooks-10k from GOODBOOKS_DIR, {folder}.\n")
    assert Rating.objects.count() == len(RATINGS)


@pytest.mark.django_db
def test_auto_takes_the_projects_own_folder_next(tmp_path: Path) -> None:
    own = write_dataset(tmp_path / "project" / "data" / "goodbooks")

    assert _run("--auto").startswith(f"Data: goodbooks-10k from {own}.\n")


@pytest.mark.django_db
def test_a_wrong_goodbooks_dir_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(tmp_path / "project" / "data" / "goodbooks")
    monkeypatch.setenv("GOODBOOKS_DIR", str(tmp_path / "nowhere"))

    with pytest.raises(CommandError, match="nowhere, which is not a folder") as caught:
        _run("--auto")

    assert caught.value.returncode == 2


@pytest.mark.django_db
def test_auto_does_not_import_the_same_files_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setenv("GOODBOOKS_DIR", str(folder))
    _run("--auto")

    with django_assert_num_queries(1):
        out = _run("--auto")

    assert "imported already. Nothing changed." in out


def _publish(server: Server, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "published.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in folder.iterdir():
            packed.write(file, f"goodbooks-10k/{file.name}")
    server.body = archive.read_bytes()
    release = Release(hashlib.sha256(server.body).hexdigest(), {})
    monkeypatch.setattr(choosing.choose_dataset, "__kwdefaults__", {"release": release})
    monkeypatch.setenv("GOODBOOKS_URL", server.url)


@pytest.mark.django_db
def test_auto_downloads_the_release_and_knows_it_afterwards(
    server: Server, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(server, folder, tmp_path, monkeypatch)

    assert f"Data: goodbooks-10k from {server.url}." in _run("--auto").splitlines()
    assert Book.objects.filter(source=Source.GOODBOOKS).count() == 4
    assert _run("--auto").strip() == "Data: goodbooks-10k is in the database."
    assert len(server.ranges) == 1


@pytest.mark.django_db
def test_auto_refuses_a_download_that_is_not_the_release(
    server: Server, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(server, folder, tmp_path, monkeypatch)
    expected = {"books.csv": Expectation("0" * 64)}
    monkeypatch.setattr(
        choosing.choose_dataset, "__kwdefaults__", {"release": Release("0" * 64, expected)}
    )

    with pytest.raises(CommandError, match="not the official release"):
        _run("--auto")

    assert not Book.objects.exists()


@pytest.mark.django_db
def test_without_a_network_the_built_in_set_is_taken_and_kept(
    monkeypatch: pytest.MonkeyPatch, local_dir: Path
) -> None:
    monkeypatch.setattr(
        "catalog.builtin.generate.write_builtin_dataset", lambda folder: write_dataset(folder)
    )

    out = _run("--auto")

    assert "the built-in set with simulated readers, because http://127.0.0.1:9/" in out
    assert Book.objects.filter(source=Source.BUILTIN).count() == 4
    assert DataImport.objects.get().source == Source.BUILTIN
    again = _run("--auto")
    assert again.startswith("Data: the built-in set is in the database; for real readers ")


@pytest.mark.django_db
def test_the_real_built_in_set_can_be_imported(local_dir: Path) -> None:
    out = _run("--auto")

    books = Book.objects.filter(source=Source.BUILTIN)
    assert books.count() >= 500
    assert not books.filter(genres=None).exists()
    assert "skipped:" not in out


def test_the_command_loads_neither_numpy_nor_rich_before_it_runs() -> None:
    code = (
        "import django; django.setup(); import sys; before = set(sys.modules)\n"
        "import ratings.management.commands.import_goodbooks\n"
        "print(sorted({'numpy', 'pandas', 'rich'} & (set(sys.modules) - before)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"
