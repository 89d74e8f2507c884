from __future__ import annotations

import errno
import json
import pickle
import pickletools
import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recommender.engine import Artifact, ArtifactError, Part, load_artifact, write_artifact
from recommender.engine import artifact as artifact_module
from recommender.engine.array_files import sha256_of, write_array

CREATED_AT = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)


def parts() -> dict[str, Part]:
    return {
        "linear": Part(
            "linear",
            {
                "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
                "indices": np.array([1, 2], dtype=np.uint16),
            },
            {"n_neighbours": 2},
            {"seconds": 0.5},
        ),
        "items": Part("catalog", {"item_ids": np.array([5, 7]), "empty": np.empty((0, 4))}),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_artifact(
        tmp_path / "run-1", parts(), created_at=CREATED_AT, metrics={"ndcg_at_10": 0.4}
    )


def test_everything_comes_back_read_only_and_memory_mapped(folder: Path) -> None:
    loaded = load_artifact(folder)
    assert loaded.created_at == CREATED_AT
    assert loaded.metrics == {"ndcg_at_10": 0.4}
    for name, part in parts().items():
        again = loaded.part(name)
        assert again.algorithm == part.algorithm
        assert again.config == part.config
        assert again.metrics == part.metrics
        for array_name, array in part.arrays.items():
            got = again.array(array_name)
            np.testing.assert_array_equal(got, array)
            assert got.dtype == array.dtype
            assert not got.flags.writeable
    assert isinstance(loaded.part("linear").array("weights"), np.memmap)


def test_the_digest_of_the_manifest_names_the_content(folder: Path, tmp_path: Path) -> None:
    same = write_artifact(
        tmp_path / "run-2", parts(), created_at=CREATED_AT, metrics={"ndcg_at_10": 0.4}
    )
    changed = parts()
    changed["items"].arrays["item_ids"][0] = 6  # type: ignore[index]
    other = write_artifact(
        tmp_path / "run-3", changed, created_at=CREATED_AT, metrics={"ndcg_at_10": 0.4}
    )
    digests = [load_artifact(path).manifest_sha256 for path in (folder, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_nothing_but_the_artifact_is_left_in_its_parent(folder: Path) -> None:
    assert [path.name for path in folder.parent.iterdir()] == ["run-1"]


def test_a_part_or_array_that_is_not_there_is_named(folder: Path) -> None:
    loaded = load_artifact(folder)
    with pytest.raises(ArtifactError, match="no part two_stage, only items, linear"):
        loaded.part("two_stage")
    with pytest.raises(ArtifactError, match="no array bias, only indices, weights"):
        loaded.part("linear").array("bias")


def test_an_artifact_is_never_overwritten(folder: Path) -> None:
    before = load_artifact(folder).manifest_sha256
    with pytest.raises(ArtifactError, match="never changed"):
        write_artifact(folder, parts(), created_at=CREATED_AT)
    assert load_artifact(folder).manifest_sha256 == before


def test_a_crash_while_writing_leaves_no_artifact_and_no_staging_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path, manifest: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifact_module, "_write_manifest", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_artifact(tmp_path / "run", parts(), created_at=CREATED_AT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_file_that_cannot_grow_is_an_error_with_its_reason(tmp_path: Path) -> None:
    """numpy's own writing into files says how many bytes went through, and not why no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="too large") as refused:
            write_array(tmp_path / "a.npy", np.zeros(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.value.errno == errno.EFBIG


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"parts": {}}, "without parts"),
        ({"parts": {"../evil": parts()["items"]}}, "no part or array name"),
        ({"parts": {"a": Part("x", {"../b": np.ones(1)})}}, "no part or array name"),
        ({"parts": {"a": Part("x", {"b": np.array([object()])})}}, "dtype object"),
        ({"parts": {"a": Part("x", {"b": np.array(["text"])})}}, "dtype <U4"),
        ({"parts": {"a": Part("x", {}, {"c": np.float32(1)})}}, "JSON"),
        ({"parts": {"a": Part("x", {}, {"c": float("nan")})}}, "JSON"),
        ({"parts": {"a": Part("x", {}, {"c": "x" * 2_000_000})}}, "manifest takes"),
        ({"parts": {"a": Part("x", {f"b{i}": np.ones(1) for i in range(300)})}}, "at most 256"),
        ({"created_at": datetime(2030, 1, 1)}, "time zone"),
    ],
)
def test_what_cannot_be_loaded_again_is_not_written(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    arguments: dict[str, object] = {"parts": parts(), "created_at": CREATED_AT} | changes
    with pytest.raises(ArtifactError, match=complaint):
        write_artifact(tmp_path / "run", **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def truncate(folder: Path) -> None:
    path = folder / "linear.weights.npy"
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(folder: Path) -> None:
    path = folder / "linear.weights.npy"
    path.write_bytes(path.read_bytes() + b"\0")


def flip_a_byte(folder: Path) -> None:
    path = folder / "linear.weights.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


def remove(folder: Path) -> None:
    (folder / "linear.weights.npy").unlink()


def add_a_file(folder: Path) -> None:
    (folder / "linear.more.npy").write_bytes(b"")


def add_a_folder(folder: Path) -> None:
    (folder / "more").mkdir()


def link_elsewhere(folder: Path) -> None:
    path = folder / "linear.weights.npy"
    path.rename(folder.parent / "elsewhere.npy")
    path.symlink_to(folder.parent / "elsewhere.npy")


def remove_the_manifest(folder: Path) -> None:
    (folder / "meta.json").unlink()


def write_no_json(folder: Path) -> None:
    (folder / "meta.json").write_bytes(b"\xff\xfe{")


def write_a_list(folder: Path) -> None:
    (folder / "meta.json").write_text("[]")


def write_a_huge_manifest(folder: Path) -> None:
    (folder / "meta.json").write_text(" " * 2_000_000)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (truncate, "bytes, not"),
        (lengthen, "bytes, not"),
        (flip_a_byte, "checksum of linear.weights.npy"),
        (remove, "linear.weights.npy is missing"),
        (add_a_file, "linear.more.npy is not in the manifest"),
        (add_a_folder, "more is not in the manifest"),
        (link_elsewhere, "missing or a link"),
        (remove_the_manifest, "no meta.json"),
        (write_no_json, "not JSON"),
        (write_a_list, "no JSON object"),
        (write_a_huge_manifest, "too many"),
    ],
)
def test_a_damaged_artifact_is_refused(
    folder: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    load_artifact(folder)
    damage(folder)
    with pytest.raises(ArtifactError, match=complaint):
        load_artifact(folder)


def edit(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "meta.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


WEIGHTS = "linear.weights.npy"


def traverse(manifest: dict) -> None:
    manifest["files"]["../outside.npy"] = manifest["files"].pop(WEIGHTS)
    manifest["parts"]["linear"]["arrays"] = ["indices"]


def traverse_in_a_part(manifest: dict) -> None:
    manifest["parts"]["linear"]["arrays"] = ["indices", "/../../outside"]
    manifest["files"]["linear./../../outside.npy"] = manifest["files"].pop(WEIGHTS)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (traverse, "disagree"),
        (traverse_in_a_part, "no file name"),
        (lambda m: m.update(schema_version=99), "schema_version is 99"),
        (lambda m: m.update(schema_version=True), "schema_version is True"),
        (lambda m: m.pop("schema_version"), "schema_version is None"),
        (lambda m: m.pop("files"), "has no files"),
        (lambda m: m.update(parts=[]), "has no parts"),
        (lambda m: m["parts"].pop("linear"), "disagree"),
        (lambda m: m["files"].pop(WEIGHTS), "disagree"),
        (lambda m: m["parts"]["linear"].pop("config"), "part linear is not described"),
        (lambda m: m["parts"].update({"A B": m["parts"].pop("linear")}), "no part name"),
        (lambda m: m["parts"]["linear"].update(arrays=[{}]), "disagree"),
        (lambda m: m["files"][WEIGHTS].pop("sha256"), "is not described"),
        (lambda m: m["files"][WEIGHTS].update(bytes=-1), "is not described"),
        (lambda m: m["files"][WEIGHTS].update(shape=[3, 2]), "is <f4"),
        (lambda m: m["files"][WEIGHTS].update(dtype="<i4"), "is <f4"),
        (lambda m: m["files"][WEIGHTS].update(sha256="0" * 64), "checksum"),
        (lambda m: m.update(created_at="yesterday"), "created_at"),
        (lambda m: m.pop("created_at"), "created_at"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(
    folder: Path, change: Callable[[dict], object], complaint: str
) -> None:
    (folder.parent / "outside.npy").write_bytes((folder / WEIGHTS).read_bytes())
    edit(folder, change)
    with pytest.raises(ArtifactError, match=complaint):
        load_artifact(folder)


class Planted:
    """What leaves a file behind when its pickle is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], object], tuple[Path]]:
        return Path.touch, (self.trace,)


def test_a_pickle_is_never_loaded(folder: Path, tmp_path: Path) -> None:
    """The attacker's side is written here: an array file that holds a pickle, checksums and all."""
    path, trace = folder / WEIGHTS, tmp_path / "loaded"
    payload = pickle.dumps(np.array([Planted(trace)], dtype=object))
    with path.open("wb") as file:
        header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(payload)

    def fit_the_pickle(manifest: dict) -> None:
        entry = manifest["files"][WEIGHTS]
        entry.update(
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            dtype="|O",
            shape=[1],
        )

    edit(folder, fit_the_pickle)
    for in_memory in (False, True):
        with pytest.raises(ArtifactError, match=r"no \.npy array"):
            load_artifact(folder, in_memory=in_memory)
    assert not trace.exists()
    # Loading would call what the pickle names, with what it holds. Not loaded here either.
    assert {"REDUCE", "STACK_GLOBAL"} <= {code.name for code, _, _ in pickletools.genops(payload)}
    assert {"Path.touch", trace.name} <= {value for _, value, _ in pickletools.genops(payload)}
    call, arguments = Planted(trace).__reduce__()
    call(*arguments)
    assert trace.exists(), "the pickle is harmless; it shows nothing"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.int16).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.empty((0, 3), dtype=np.float32),
        np.array([2.5]),
        np.array([True, False]),
    ],
    ids=["rows", "columns", "empty", "one number", "truth"],
)
def test_arrays_are_the_same_in_memory_and_mapped(array: np.ndarray, tmp_path: Path) -> None:
    part = Part("any", {"values": array})
    folder = write_artifact(tmp_path / "run", {"part": part}, created_at=CREATED_AT)
    for in_memory in (False, True):
        got = load_artifact(folder, in_memory=in_memory).part("part").array("values")
        np.testing.assert_array_equal(got, array)
        assert (got.shape, got.dtype) == (array.shape, array.dtype)
        assert not got.flags.writeable


@pytest.mark.parametrize("in_memory", [False, True])
@pytest.mark.parametrize(
    "content",
    [b"", b"no array", b"\x93NUMPY\x03\x00\x00\x00\x00\x00", b"\x93NUMPY\x01\x00\xff"],
    ids=["nothing", "other", "version 3", "header cut off"],
)
def test_a_file_that_is_no_array_is_refused(folder: Path, content: bytes, in_memory: bool) -> None:
    (folder / WEIGHTS).write_bytes(content)
    digest = sha256_of(folder / WEIGHTS)
    edit(folder, lambda m: m["files"][WEIGHTS].update(bytes=len(content), sha256=digest))
    with pytest.raises(ArtifactError, match=r"linear\.weights\.npy"):
        load_artifact(folder, in_memory=in_memory)


@pytest.mark.parametrize("damage", [truncate, flip_a_byte, remove])
def test_arrays_in_memory_outlive_damage_to_their_files(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    loaded = load_artifact(folder, in_memory=True)
    damage(folder)
    for name, part in parts().items():
        for array_name, array in part.arrays.items():
            got = loaded.part(name).array(array_name)
            np.testing.assert_array_equal(got, array)
            assert got.dtype == array.dtype
            assert not isinstance(got, np.memmap)
            assert not got.flags.writeable
    with pytest.raises(ArtifactError):
        load_artifact(folder, in_memory=True)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such folder"):
        load_artifact(tmp_path / "nowhere")


def test_without_verify_sizes_are_still_compared(folder: Path) -> None:
    assert isinstance(load_artifact(folder, verify=False), Artifact)
    flip_a_byte(folder)
    load_artifact(folder, verify=False)
    truncate(folder)
    with pytest.raises(ArtifactError, match="bytes, not"):
        load_artifact(folder, verify=False)
