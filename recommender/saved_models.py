"""A run's predicted stars as a SavedModel of TensorFlow: for programs and TensorFlow Serving.

One folder for each run, named by its number, as TensorFlow Serving looks for versions. It is
written beside its place, read back, compared with the predictor it was made from, synced, and
renamed: a server that watches the folder sees the whole of it or nothing. Signature and use:
docs/serving.md.
"""

import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog.selectors import visible_books
from recommender import artifact_store
from recommender.engine import Catalog, EngineError, Profile
from recommender.engine.id_tensors import BookIds, load_tensorflow
from recommender.engine.interactions import MIN_STARS
from recommender.engine.stars import StarsPredictor
from recommender.engine.stars_tensors import (
    INPUTS,
    SIGNATURE,
    StarsTensors,
)
from recommender.engine.warm_up import warm_up_record
from recommender.errors import ExportError
from recommender.models import TrainingRun
from recommender.places import known_as

logger = logging.getLogger(__name__)

MODEL_NAME: Final = "predicted_stars"
WARM_UP: Final = Path("assets.extra") / "tf_serving_warmup_requests"
# What one and what nearly every star may differ by from the predictor's own.
MOST_APART, USUALLY_APART = 0.1, 1e-4
# Graph, index and warm-up, beside the arrays.
_REST_BYTES: Final = 16 << 20
_SAMPLED_BOOKS: Final = 200


@dataclass(frozen=True)
class Exported:
    """What was written, and how far its stars are from the run's own at the most."""

    folder: Path
    run_id: int
    n_books: int
    n_bytes: int
    apart: float


def export(root: Path, run_id: int | None = None) -> Exported:
    """Write the predicted stars of a run, the active one without a number, to ROOT/NUMBER.

    Raises
    ------
    ExportError
        When there is no such run, it predicts no stars, TensorFlow is missing, the target is
        taken or no folder, the disk is too full, or what was written does not predict the same.
    """
    run = _run(run_id)
    predictor, items = _predictor_of(run)
    target = root / str(run.pk)
    if root.exists() and not root.is_dir():
        raise ExportError(f"{root} is no folder.")
    if target.exists() or target.is_symlink():
        raise ExportError(
            f"{target} exists; an export is never changed. Delete it first to make it anew."
        )
    try:
        tf = load_tensorflow()
    except EngineError as error:
        raise ExportError(str(error)) from error
    tensors = StarsTensors(predictor, _books(items))
    try:
        root.mkdir(parents=True, exist_ok=True)
        _check_space(root, tensors)
        with _draft(target) as draft:
            _save(tf, tensors, draft, items, run.pk)
            apart = _compare(tf, draft, predictor, items)
            n_bytes = _sync(draft)
            # Fails where another export was quicker: its folder is not empty.
            draft.rename(target)
            _sync_one(root)
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(f"{target} cannot be written: {error}") from error
    logger.info(
        "exported the predicted stars of run %d to %s",
        run.pk,
        target,
        extra={"run_id": run.pk, "n_bytes": n_bytes},
    )
    return Exported(target, run.pk, len(items.items), n_bytes, apart)


def _run(run_id: int | None) -> TrainingRun:
    if run_id is None:
        active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
        if active is None:
            raise ExportError("No run is active; train one with manage.py train.")
        return active
    run = TrainingRun.objects.filter(pk=run_id).first()
    if run is None:
        raise ExportError(f"There is no run {run_id}.")
    if run.status not in (TrainingRun.Status.ACTIVE, TrainingRun.Status.RETIRED):
        raise ExportError(
            f"Run {run_id} is {run.status}; only runs that are or were active have been published."
        )
    return run


def _predictor_of(run: TrainingRun) -> tuple[StarsPredictor, Catalog]:
    """Load what predicts, and nothing else, after comparing the files with their checksums."""
    try:
        artifact = artifact_store.load(run.artifact)
        if "stars" not in artifact.parts:
            raise ExportError(
                f"Run {run.pk} predicts no stars: quick runs, and runs on few ratings, do "
                "without. Train a full one with manage.py train."
            )
        predictor = StarsPredictor.from_part(artifact.part("stars"))
        catalog = Catalog.from_part(artifact.part("items"), with_links=False)
    except (EngineError, OSError) as error:
        raise ExportError(f"The artifact of run {run.pk} cannot be read: {error}") from error
    return predictor, catalog


def _books(catalog: Catalog) -> BookIds:
    """Return by which ids books go now, and the catalogue's mean of those newer than the run."""
    items = catalog.items
    rated = visible_books().filter(average_rating__gte=MIN_STARS)
    means = {
        book: float(mean)
        for book, mean in rated.values_list("pk", "average_rating")
        if mean is not None
    }
    ids = list(means)
    indices = items.indices(ids).tolist()
    newer = [book for book, index in zip(ids, indices, strict=True) if index < 0]
    return BookIds(items, known_as(items), {book: means[book] for book in newer})


def _check_space(root: Path, tensors: StarsTensors) -> None:
    needed = _REST_BYTES + sum(
        array.shape.num_elements() * array.dtype.size for array in tensors.variables()
    )
    free = shutil.disk_usage(root).free
    if free < needed:
        raise ExportError(
            f"{root} has {free / 1e6:,.0f} MB left; the export needs {needed / 1e6:,.0f} MB."
        )


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Give a folder beside the target, whose name is no version; nothing is left of it."""
    draft = target.parent / f".{target.name}.draft-{secrets.token_hex(4)}"
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _save(tf: Any, tensors: StarsTensors, folder: Path, catalog: Catalog, run_id: int) -> None:
    module = tf.Module(name=MODEL_NAME)
    module.kept = tensors.variables()
    module.predict = tf.function(
        tensors.predict,
        input_signature=[
            tf.TensorSpec([None, None], dtype, name) for name, dtype in INPUTS.items()
        ],
        autograph=False,
    )
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.predict})
    sample = catalog.items.ids[:10]
    stars = np.full(len(sample), 4, dtype=np.float32)
    asked: tuple[NDArray[Any], ...] = (sample, sample, stars, sample[:0])
    tensors_sent = {
        name: tf.make_tensor_proto(array[None]).SerializeToString()
        for name, array in zip(INPUTS, asked, strict=True)
    }
    record = warm_up_record(MODEL_NAME, run_id, SIGNATURE, tensors_sent)
    (folder / WARM_UP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
        writer.write(record)


def _compare(tf: Any, folder: Path, predictor: StarsPredictor, catalog: Catalog) -> float:
    """Return how far apart the stars of what was written and of the predictor are at the most.

    Raises
    ------
    ExportError
        When it is more than rounding, or a tree here and there, explains.
    """
    serve = tf.saved_model.load(str(folder)).signatures[SIGNATURE]
    generator = np.random.default_rng(0)
    ids = catalog.items.ids
    apart: list[NDArray[np.floating]] = []
    for n_rated in (0, 1, 7, 60):
        books, rated, shelved = (
            generator.choice(ids, min(n, len(ids)), replace=False)
            for n in (_SAMPLED_BOOKS, n_rated, 5)
        )
        stars = generator.integers(1, 6, len(rated)).astype(np.float32)
        answer = serve(
            **{
                name: tf.constant(array[None], INPUTS[name])
                for name, array in zip(INPUTS, (books, rated, stars, shelved), strict=True)
            }
        )
        profile = Profile.from_ids(catalog.items, rated, stars, shelved)
        own = predictor.predict_items(profile, catalog.items.indices(books))
        apart.append(np.abs(answer["stars"].numpy()[0] - own))
    differences = np.concatenate(apart)
    most, usually = float(differences.max()), float(np.quantile(differences, 0.99))
    if not (most <= MOST_APART and usually <= USUALLY_APART):
        raise ExportError(
            f"What was written predicts up to {most:.4f} stars beside the run's own (99 of 100 up "
            f"to {usually:.6f}); nothing was exported. Please report this."
        )
    return most


def _sync(folder: Path) -> int:
    """Make a folder durable; return the bytes of its files."""
    n_bytes = 0
    for path in sorted(folder.rglob("*"), reverse=True):
        _sync_one(path)
        n_bytes += path.stat().st_size if path.is_file() else 0
    _sync_one(folder)
    return n_bytes


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
