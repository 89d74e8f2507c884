"""How much one import may be; from the settings."""

from django.conf import settings


def max_bytes() -> int:
    limit: int = settings.LIBRARY_IMPORT_MAX_BYTES
    return limit


def max_rows() -> int:
    limit: int = settings.LIBRARY_IMPORT_MAX_ROWS
    return limit
