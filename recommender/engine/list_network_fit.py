"""Fitting the network that orders a list: TensorFlow, in the worker only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.embeddings.keras_training import load_keras, reshuffled, tensorboard_log
from recommender.engine.errors import FitError
from recommender.engine.list_network import ListNetwork, NormalScores, beside_its_list

_QUANTILE_LISTS: Final = 1500  # lists from which the features' quantiles are taken
_STEPS_AT_A_TIME: Final = 32


@dataclass(frozen=True)
class NetworkSettings:
    """Hyperparameters of a fit.

    Parameters
    ----------
    n_members : int > 0. Networks that differ by their seed; their mean is used.
    n_hidden : int > 1. Units of the first layer; the second has half of them.
    n_epochs, batch_size : int > 0. Lists a batch.
    learning_rate : float > 0. At first; it falls to 0 in a straight line.
    dropout : float in 0..1, below 1.
    weight_decay : float >= 0. Of AdamW.
    seed : int >= 0.
    """

    n_members: int
    n_hidden: int
    n_epochs: int
    batch_size: int
    learning_rate: float
    dropout: float
    weight_decay: float
    seed: int


def fit_list_network(
    lists: NDArray[np.float32],
    liked: NDArray[np.bool_],
    settings: NetworkSettings,
    *,
    log_folder: Path | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> ListNetwork:
    """Learn to put what a reader liked at the top of his list.

    The loss of a list is the cross entropy between the softmax of its scores and the liked
    candidates, divided by the square root of their number: a reader with many counts more, but
    not as many times. (The one of ListNet with equal gains divides by the number.)

    Parameters
    ----------
    lists : float32 array, shape (n_features, n_lists, n_candidates). Finite.
    liked : bool array, shape (n_lists, n_candidates). Lists without any True teach nothing and
        are left out.
    settings : NetworkSettings.
    log_folder : Path or None. Where TensorBoard's logs are written, a folder for each member.
    on_progress : callable or None. Told the part done, 0..1.

    Returns
    -------
    ListNetwork.

    Raises
    ------
    FitError
        When TensorFlow is not installed, or the loss is not finite.
    """
    teaches = np.flatnonzero(liked.any(axis=1))
    if not len(teaches):
        raise FitError("no list has a liked candidate; the network would learn nothing.")
    chosen = np.random.default_rng(settings.seed).permutation(teaches)[:_QUANTILE_LISTS]
    normal = NormalScores.of_lists(lists[:, np.sort(chosen)])
    # Half of the memory; three decimals of a normal score are enough.
    scores = np.stack(
        [
            NormalScores(
                normal.knots[f : f + 1], normal.scores[f : f + 1], normal.is_of_list[f : f + 1]
            )
            .transform(lists[f : f + 1, teaches])[0]
            .astype(np.float16)
            for f in range(len(lists))
        ],
        axis=2,
    )
    targets = liked[teaches].astype(np.float32)
    targets /= np.sqrt(targets.sum(axis=1, keepdims=True))
    members, losses = [], []
    for member in range(settings.n_members):
        report = (
            None
            if on_progress is None
            else lambda done, member=member: on_progress((member + done) / settings.n_members)
        )
        log = None if log_folder is None else log_folder / f"network-{member + 1}"
        arrays, loss = _fit_member(
            scores, targets, normal.is_of_list, settings, member, log, report
        )
        members.append(arrays)
        losses.append(loss)
    stacked = (np.stack(arrays) for arrays in zip(*members, strict=True))
    return ListNetwork(normal, *stacked, losses=tuple(losses))


def _fit_member(
    scores: NDArray[np.float16],
    targets: NDArray[np.float32],
    is_of_list: NDArray[np.bool_],
    settings: NetworkSettings,
    member: int,
    log_folder: Path | None,
    on_progress: Callable[[float], None] | None,
) -> tuple[tuple[NDArray[np.float32], ...], tuple[float, ...]]:
    """Return W1, b1, W2, b2, w3 of one network, and its loss in each epoch."""
    seed = settings.seed + member
    keras = load_keras(seed)
    n_lists, n_candidates, n_features = scores.shape
    n_inputs = n_features + int(is_of_list.sum())
    model = keras.Sequential(
        [
            keras.Input((n_candidates, n_inputs)),
            keras.layers.Dense(settings.n_hidden, activation="silu"),
            keras.layers.Dropout(settings.dropout, seed=seed),
            keras.layers.Dense(settings.n_hidden // 2, activation="silu"),
            keras.layers.Dropout(settings.dropout, seed=seed + 1),
            # What every candidate of a list gets in addition changes no order.
            keras.layers.Dense(1, use_bias=False),
            keras.layers.Reshape((n_candidates,)),
        ]
    )

    def loss(wanted: Any, predicted: Any) -> Any:
        return -keras.ops.sum(wanted * keras.ops.log_softmax(predicted, axis=1), axis=1)

    n_batches = -(-n_lists // settings.batch_size)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.PolynomialDecay(
                settings.learning_rate, settings.n_epochs * n_batches, 0.0
            ),
            weight_decay=settings.weight_decay,
        ),
        loss=loss,
        steps_per_execution=_STEPS_AT_A_TIME,
    )

    def batch(rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        features = scores[rows].astype(np.float32).transpose(2, 0, 1)
        return beside_its_list(features, is_of_list).transpose(1, 2, 0), targets[rows]

    def report(epoch: int, _: Any = None) -> None:
        if on_progress:
            on_progress((epoch + 1) / settings.n_epochs)

    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LambdaCallback(on_epoch_end=report),
    ]
    if log_folder is not None:
        callbacks.append(tensorboard_log(log_folder))
    history = model.fit(
        reshuffled(n_lists, settings.batch_size, (settings.seed, member), batch),
        epochs=settings.n_epochs,
        shuffle=False,  # the batches bring their own order
        verbose=0,
        callbacks=callbacks,
    ).history["loss"]
    if not np.isfinite(history).all():
        raise FitError(
            f"the loss of the second stage became {history[-1]}; lower its learning rate "
            f"({settings.learning_rate})."
        )
    first, first_bias, second, second_bias, last = (
        np.asarray(array, dtype=np.float32) for array in model.get_weights()
    )
    weights = (first, first_bias, second, second_bias, last[:, 0])
    return weights, tuple(float(loss) for loss in history)
