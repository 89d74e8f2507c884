"""Why a backup was not made, or not restored."""


class BackupError(Exception):
    """The message says what is wrong and what to do; nothing was changed unless it says so."""
