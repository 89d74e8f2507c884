from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.output import check_writable, of_algorithm, write_json, writing
from recommender.evaluation.peak_memory import peak_megabytes, reset_peak
from recommender.evaluation.tables import text_table


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")
    with pytest.raises(RuntimeError), writing(path) as file:
        file.write("half")
        assert path.read_text() == "before"
        raise RuntimeError
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]
    with writing(path) as file:
        file.write("after")
    assert path.read_text() == "after"


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with writing(tmp_path / "link") as file:
        file.write("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


def test_a_device_is_written_to_as_it_is() -> None:
    check_writable(Path(os.devnull))
    with writing(Path(os.devnull)) as file:
        file.write("x")
    assert not Path(os.devnull).is_file()


def test_what_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "out.csv")
    with pytest.raises(EvaluationError, match="there is no folder"):
        check_writable(tmp_path / "nowhere" / "out.csv")
    with pytest.raises(EvaluationError, match="is a folder"):
        check_writable(tmp_path)


def test_a_folder_that_goes_away_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be written: No such file"):
        write_json(tmp_path / "nowhere" / "m.json", {})


def test_json_refuses_what_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "m.json", {"mse": float("nan")})
    assert not list(tmp_path.iterdir())


def test_several_algorithms_write_beside_each_other() -> None:
    assert of_algorithm(Path("a/lists.csv"), "als") == Path("a/lists.als.csv")
    assert of_algorithm(Path("lists"), "als") == Path("lists.als")


def test_a_table_is_aligned_markdown() -> None:
    assert text_table(("name", "value"), [("a", "1.5"), ("long", "10")]).splitlines() == [
        "| name | value |",
        "| ---- | ----: |",
        "| a    |   1.5 |",
        "| long |    10 |",
    ]


def test_the_peak_begins_again() -> None:
    if not reset_peak():
        pytest.skip("this system does not reset the peak of a process.")
    before = peak_megabytes()
    # Mapped by hand: what an allocator gets back from us it need not give back to the system.
    with mmap.mmap(-1, 80_000_000) as block:
        for start in range(0, len(block), mmap.PAGESIZE):
            block[start] = 1
        assert peak_megabytes() > before + 60
    assert reset_peak()
    assert peak_megabytes() < before + 60
