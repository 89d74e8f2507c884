"""Errors of the engine: what was got, what was wanted, what to do about it."""


class EngineError(Exception):
    """Base of every error that the engine raises on purpose."""


class InputError(EngineError, ValueError):
    """An array, an id, a rating or an option from outside is not usable."""


class FitError(EngineError):
    """Fitting failed or would have given numbers that mean nothing."""


class CatalogTooLargeError(FitError):
    """The catalog needs more memory than it may take; raised before allocating."""


class NotFittedError(EngineError):
    """A ranker was asked for scores before it was fitted or loaded."""


class ArtifactError(EngineError):
    """An artifact cannot be written, or is damaged, foreign or of another schema."""
