"""Hyperparameters of the two embedding predictors, and their named presets."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from recommender.engine.errors import InputError

Preset = Literal["tuned", "ratings_only", "published"]


@dataclass(frozen=True)
class EmbeddingSettings:
    """All hyperparameters of one fit.

    Parameters
    ----------
    n_factors : int > 0. Length of the user and item embeddings.
    n_epochs : int > 0. At most, where there is a validation part.
    batch_size : int > 0. Ratings a step.
    learning_rate : float > 0. Of Adam.
    validation_part : float in 0..0.5. Of the ratings; withheld to find the best epoch, 0 for
        none: the last epoch counts.
    patience : int >= 0. Epochs without a better validation error before the fit stops.
    user_regularization, item_regularization, group_regularization : float >= 0. L2 penalty of
        the users' vectors, the items', and those of authors and series, in squared stars.
    user_bias_regularization, item_bias_regularization : float >= 0. The same of the biases.
    has_biases : bool. Whether there are biases around a baseline of each item.
    has_metadata : bool. Whether an item's embedding is the sum of its own vector and those of its
        author, series and tags.
    """

    n_factors: int
    n_epochs: int
    batch_size: int
    learning_rate: float
    validation_part: float
    patience: int
    user_regularization: float
    item_regularization: float
    group_regularization: float
    user_bias_regularization: float
    item_bias_regularization: float
    has_biases: bool
    has_metadata: bool

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name in ("n_factors", "n_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 1 or more.")
        if self.patience < 0:
            raise InputError(f"patience is {self.patience}; wanted 0 or more.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"learning_rate is {self.learning_rate}; wanted more than 0.")
        if not 0 <= self.validation_part <= 0.5:
            raise InputError(f"validation_part is {self.validation_part}; wanted 0 to 0.5.")
        for name in (field.name for field in fields(self) if "regularization" in field.name):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; wanted a finite number from 0.")


# As in the notebooks: five factors, five epochs, batches of Keras' default size, nothing else.
PUBLISHED = EmbeddingSettings(
    n_factors=5,
    n_epochs=5,
    batch_size=32,
    learning_rate=0.001,
    validation_part=0.0,
    patience=0,
    user_regularization=0.0,
    item_regularization=0.0,
    group_regularization=0.0,
    user_bias_regularization=0.0,
    item_bias_regularization=0.0,
    has_biases=False,
    has_metadata=False,
)


@dataclass(frozen=True)
class EmbeddingConfig:
    """A preset, and what to change of it.

    Parameters
    ----------
    preset : "tuned", "published" (the set-up of the published notebook) or, of ``dot_product``,
        "ratings_only", which takes the place of "tuned" where nothing is known of the items.
    seed : int >= 0. Of the initial values, the order of the ratings and the validation part.
    n_factors, n_epochs, batch_size, learning_rate, validation_part, patience,
    user_regularization, item_regularization, group_regularization : or None, which stands for
        the preset's value; see ``EmbeddingSettings``.

    Raises
    ------
    InputError
        On a value that means nothing.
    """

    preset: Preset = "tuned"
    seed: int = 0
    n_factors: int | None = None
    n_epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    validation_part: float | None = None
    patience: int | None = None
    user_regularization: float | None = None
    item_regularization: float | None = None
    group_regularization: float | None = None

    presets: ClassVar[dict[str, EmbeddingSettings]]

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if self.preset not in self.presets:
            raise InputError(f"preset is {self.preset!r}; wanted one of {', '.join(self.presets)}.")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; wanted 0 or more.")
        _ = self.settings

    @property
    def settings(self) -> EmbeddingSettings:
        """The preset with the changes."""
        changes: dict[str, Any] = asdict(self)
        del changes["preset"], changes["seed"]
        values = asdict(self.presets[self.preset])
        values |= {name: value for name, value in changes.items() if value is not None}
        return EmbeddingSettings(**values)
