"""Everything about training that the Keras models share; TensorFlow loads on first use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.embeddings.config import EmbeddingSettings
from recommender.engine.errors import FitError
from recommender.engine.progress import OnProgress

_PREDICTION_BATCH: Final = 65_536
# Steps that TensorFlow takes without coming back to Python: the same bits, and a third to half of
# the time where a step is short.
_STEPS_AT_A_TIME: Final = 32


@dataclass(frozen=True)
class LossHistory:
    """Mean squared error after each epoch, in squared stars, without the penalties.

    Parameters
    ----------
    training : tuple of float. Average over the epoch's batches, while the weights move.
    validation : tuple of float. Of the validation part; empty when there is none.
    best_epoch : int. The one whose weights were kept, from 1.
    """

    training: tuple[float, ...]
    validation: tuple[float, ...]
    best_epoch: int


def load_keras(seed: int) -> ModuleType:
    """Import Keras, seed it, and ask TensorFlow for operations that give the same bits again.

    Raises
    ------
    FitError
        When TensorFlow is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what fails raises
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        import keras
        import tensorflow as tf
    except ImportError as error:
        raise FitError(
            f"networks are trained by TensorFlow, which cannot be imported: {error}; "
            "install requirements.txt on the machine that trains."
        ) from error
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    module: ModuleType = keras
    return module


def train(
    model: Any,
    inputs: Sequence[NDArray[Any]],
    stars: NDArray[np.float32],
    settings: EmbeddingSettings,
    *,
    seed: int,
    log_folder: Path | None = None,
    on_progress: OnProgress | None = None,
    stage: str = "embeddings",
) -> LossHistory:
    """Train a compiled model and leave the weights of its best epoch in it.

    Parameters
    ----------
    model : keras.Model with the inputs of ``inputs``; compiled here.
    inputs : sequence of arrays, each of length n_ratings.
    stars : float32 array, shape (n_ratings,).
    settings : EmbeddingSettings.
    seed : int. Which ratings are the validation part, and the order of the others.
    log_folder : Path or None. Where TensorBoard's log is written.
    on_progress : callable or None. Told after every epoch; an exception it raises ends the fit.
    stage : str. What it is told.

    Returns
    -------
    LossHistory.

    Raises
    ------
    FitError
        When the loss is not finite.
    """
    import keras

    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="mean_squared_error",
        metrics=["mean_squared_error"],
        steps_per_execution=_STEPS_AT_A_TIME,
    )
    withheld = np.random.default_rng(seed).random(len(stars)) < settings.validation_part
    has_validation = bool(withheld.any())

    def report(epoch: int, _: Any = None) -> None:
        if on_progress:
            on_progress(stage, (epoch + 1) / settings.n_epochs)

    callbacks: list[Any] = [
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LambdaCallback(on_epoch_end=report),
    ]
    if log_folder is not None:
        callbacks.append(tensorboard_log(log_folder))
    with tempfile.TemporaryDirectory(prefix="bookrec-checkpoint-") as folder:
        checkpoint = Path(folder) / "best.weights.h5"
        if has_validation:
            monitored = "val_mean_squared_error"
            callbacks += [
                keras.callbacks.ModelCheckpoint(
                    str(checkpoint),
                    monitor=monitored,
                    mode="min",
                    save_best_only=True,
                    save_weights_only=True,
                ),
                keras.callbacks.EarlyStopping(
                    monitor=monitored, mode="min", patience=settings.patience
                ),
            ]
        kept = [column[~withheld] for column in inputs]
        kept_stars = stars[~withheld]
        fitted = model.fit(
            reshuffled(
                len(kept_stars),
                settings.batch_size,
                # A stream of its own: the validation part is drawn from the plain seed.
                (seed, 1),
                lambda rows: (tuple(column[rows] for column in kept), kept_stars[rows]),
            ),
            epochs=settings.n_epochs,
            validation_data=(
                ([column[withheld] for column in inputs], stars[withheld])
                if has_validation
                else None
            ),
            validation_batch_size=_PREDICTION_BATCH,
            shuffle=False,  # the batches bring their own order
            callbacks=callbacks,
            verbose=0,
        ).history
        training = tuple(float(value) for value in fitted["mean_squared_error"])
        validation = tuple(float(value) for value in fitted.get("val_mean_squared_error", ()))
        if not np.isfinite(training).all():
            raise FitError(
                f"the training error became {training[-1]}; lower learning_rate "
                f"({settings.learning_rate})."
            )
        if has_validation:
            model.load_weights(str(checkpoint))
    best = int(np.argmin(validation)) + 1 if validation else len(training)
    if on_progress:
        on_progress(stage, 1.0)
    return LossHistory(training, validation, best)


def reshuffled(
    n_rows: int,
    batch_size: int,
    seeds: tuple[int, ...],
    batch: Callable[[NDArray[np.int64]], Any],
) -> Any:
    """Return the batches of a fit, in a new order in every epoch.

    Keras shuffles arrays too, but once its random numbers are seeded and its operations
    deterministic, every epoch has the same order. Adam then meets the same batches in the same
    sequence again and learns them by heart: the network of the notebooks ends at a test error of
    .742 in place of .71.

    Parameters
    ----------
    n_rows : int > 0.
    batch_size : int > 0. Rows a batch; the last one has what is left.
    seeds : tuple of int >= 0. Of the orders: the same seeds give the same sequence of them.
    batch : callable. Given the row numbers of a batch, returns (inputs, targets).

    Returns
    -------
    keras.utils.PyDataset of what ``batch`` returns.
    """
    import keras

    class Batches(keras.utils.PyDataset):
        """Batches by number; Keras reports the end of an epoch."""

        def __init__(self) -> None:
            super().__init__()
            self._generator = np.random.default_rng(seeds)
            self._order = self._generator.permutation(n_rows)

        def __len__(self) -> int:
            return -(-n_rows // batch_size)

        def __getitem__(self, number: int) -> Any:
            return batch(self._order[number * batch_size : (number + 1) * batch_size])

        def on_epoch_end(self) -> None:
            self._order = self._generator.permutation(n_rows)

    return Batches()


def tensorboard_log(folder: Path) -> Any:
    """Return a callback of Keras that writes each epoch's figures as TensorBoard's event files.

    By TensorFlow's own writer: Keras' callback needs the tensorboard package, which a machine
    that only trains need not have.
    """
    import keras
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder))
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    metadata.data_class = 1  # DATA_CLASS_SCALAR of TensorFlow's summary.proto

    def write(epoch: int, figures: dict[str, float] | None) -> None:
        with writer.as_default():
            for name, value in (figures or {}).items():
                tf.summary.write(
                    f"epoch_{name}", tf.constant(value, tf.float32), step=epoch, metadata=metadata
                )
        writer.flush()

    return keras.callbacks.LambdaCallback(on_epoch_end=write, on_train_end=lambda _: writer.close())
