"""Folders and zip archives."""

import os
import zipfile
from pathlib import Path

import pytest

from catalog.goodbooks import source
from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.progress import SilentProgress
from catalog.goodbooks.source import open_dataset
from catalog.tests.goodbooks_folders import write_dataset


def _contents(path: Path) -> dict[str, bytes]:
    with open_dataset(path, SilentProgress()) as files:
        return {name: file.read_bytes() for name, file in files.paths.items()}


def _digest(path: Path) -> str:
    with open_dataset(path, SilentProgress()) as files:
        return files.digest


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_folder_gives_the_known_files_only(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    (tmp_path / "README.md").write_text("not for us")

    assert set(_contents(tmp_path)) == {
        "books.csv",
        "tags.csv",
        "book_tags.csv",
        "ratings.csv",
        "to_read.csv",
    }


def test_a_zip_is_the_folder_it_was_made_of(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "folder")
    members = {f"goodbooks-10k/{f.name}": f.read_bytes() for f in folder.iterdir()}
    archive = _zip(tmp_path / "x.zip", members)

    assert _contents(archive) == _contents(folder)
    assert _digest(archive) == _digest(folder)


def test_the_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    for name, file, content in (
        ("a", "ratings.csv", "x"),
        ("b", "ratings.csv", "y"),
        ("c", "books.csv", "x"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(content)

    assert len({_digest(tmp_path / name) for name in "abc"}) == 3


def test_what_was_unpacked_is_removed(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "x.zip", {"ratings.csv": b"x"})

    with open_dataset(archive, SilentProgress()) as files:
        [unpacked] = files.paths.values()
        assert unpacked.exists()

    assert not unpacked.exists()


def test_samples_in_a_folder_below_give_way(tmp_path: Path) -> None:
    archive = _zip(
        tmp_path / "x.zip",
        {
            "g/samples/ratings.csv": b"sample",
            "g/ratings.csv": b"whole",
            "__MACOSX/ratings.csv": b"mac",
        },
    )

    assert _contents(archive) == {"ratings.csv": b"whole"}


def test_nothing_is_written_outside_the_temporary_folder(tmp_path: Path) -> None:
    archive = _zip(
        tmp_path / "x.zip",
        {
            "../../evil.csv": b"x",
            "../../../ratings.csv": b"y",
            "/etc/books.csv": b"z",
        },
    )

    with open_dataset(archive, SilentProgress()) as files:
        folders = {path.parent for path in files.paths.values()}
        assert set(files.paths) == {"ratings.csv", "books.csv"}
        assert len(folders) == 1
        assert "goodbooks-" in folders.pop().name


def _encrypted(path: Path) -> None:
    _zip(path, {"ratings.csv": b"x"})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # The flag in the local header,
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the central directory.
    path.write_bytes(content)


def _corrupt(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ratings.csv", b"user_id,book_id,rating\n")
    path.write_bytes(path.read_bytes().replace(b"user_id", b"user_ID", 1))


def _truncated(path: Path) -> None:
    _zip(path, {"ratings.csv": os.urandom(1000)})
    path.write_bytes(path.read_bytes()[:500])


def _nameless(path: Path) -> None:
    _zip(path, {"movies.csv": b"x"})


def _twice(path: Path) -> None:
    _zip(path, {"a/ratings.csv": b"x", "b/ratings.csv": b"y"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_encrypted, "is encrypted"),
        (_corrupt, "broken zip file"),
        (_truncated, "neither a folder nor a zip file"),
        (_nameless, "holds none of the files books.csv, "),
        (_twice, "holds ratings.csv twice"),
        (Path.mkdir, "holds none of the files books.csv, "),
        (Path.touch, "neither a folder nor a zip file"),
        (lambda path: None, "does not exist"),
    ],
)
def test_an_unusable_path_is_refused_in_one_sentence(tmp_path: Path, make, message: str) -> None:
    make(tmp_path / "input")

    with (
        pytest.raises(DatasetError, match=message) as caught,
        open_dataset(tmp_path / "input", SilentProgress()),
    ):
        pass

    assert "\n" not in str(caught.value)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_UNPACKED_BYTES", 1000)
    archive = _zip(tmp_path / "x.zip", {"ratings.csv": bytes(1001)})

    with pytest.raises(DatasetError, match="would unpack to 1,001 bytes"):
        _contents(archive)


def test_an_unreadable_folder_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(tmp_path)

    def refuse(path: Path, progress: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(source, "file_sha256", refuse)

    with pytest.raises(DatasetError, match="books.csv: Permission denied"):
        _contents(tmp_path)
