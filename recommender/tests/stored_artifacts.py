"""Small artifacts, and the damage that befalls them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from recommender import artifact_store
from recommender.engine import Part, write_artifact

NAME = "run-000001-0a1b2c3d"
OTHER = "run-000002-0a1b2c3d"
WEIGHTS = "linear.weights.npy"


def parts(seed: int = 1) -> dict[str, Part]:
    rng = np.random.default_rng(seed)
    return {
        "linear": Part("linear", {"weights": rng.random((40, 50)), "indices": np.arange(7)}),
        "items": Part("catalog", {"item_ids": np.array([5, 7])}),
    }


def write(folder: Path, seed: int = 1) -> None:
    write_artifact(folder, parts(seed), created_at=datetime(2030, 1, 2, tzinfo=UTC))


def publish(name: str, seed: int = 1) -> None:
    with artifact_store.draft(name) as folder:
        write(folder, seed)
        artifact_store.publish(folder, name)


def is_what_was_published(folder: Path, seed: int = 1) -> bool:
    return np.array_equal(np.load(folder / WEIGHTS), parts(seed)["linear"].arrays["weights"])


def truncated(content: bytes) -> bytes:
    return content[:-1]


def flipped(content: bytes) -> bytes:
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


def spoil(path: Path, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(damage(path.read_bytes()))
