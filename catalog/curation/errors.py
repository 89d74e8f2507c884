"""What curation refuses, in words for curators."""


class CurationError(Exception):
    """Something that cannot be done to the catalogue; the message says why."""


class CannotUndo(CurationError):
    """The change is undone already, or what it made is no longer there."""
