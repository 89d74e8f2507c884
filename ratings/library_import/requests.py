"""Front doors to imports: upload, undo, and the sweep that takes up what was left lying."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.template.defaultfilters import filesizeformat
from django.utils import translation
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from accounts.models import User
from ratings.errors import ImportNotPossible, ImportUnderWay, LibraryFileError
from ratings.library_import.limits import max_bytes, max_rows
from ratings.library_import.reading import read_table
from ratings.models import ImportFile, ImportRow, LibraryImport

logger = logging.getLogger(__name__)

IMPORT_TASK: Final = "ratings.import_library"
# A worker reports after every batch, which takes about a second.
STALE_AFTER: Final = timedelta(seconds=60)
# One that kills its worker again and again is given up.
MAX_ATTEMPTS: Final = 5
# What each row did is kept so long, and of so many imports of a reader; then it cannot be undone.
KEPT_DAYS: Final = 90
KEPT_IMPORTS: Final = 10


def request_import(
    *, user: User, file_name: str, content: bytes, replace_stars: bool = False
) -> LibraryImport:
    """Keep the file and have a worker import it.

    Everything that is wrong with the file as a whole is found here, before anything is stored.

    Raises
    ------
    LibraryFileError
        When it is too large, no text, no known export, or holds no book or too many.
    ImportUnderWay
        While another import of the reader is at work.
    """
    if len(content) > max_bytes():
        raise LibraryFileError(too_large())
    table = read_table(content)
    n_rows = 0
    for _row in table.rows():
        n_rows += 1
        if n_rows > max_rows():
            raise LibraryFileError(
                _("The file has more than %(limit)s rows; please upload it in parts.")
                % {"limit": max_rows()}
            )
    if not n_rows:
        raise LibraryFileError(_("The file lists no books: below the first row there is nothing."))
    kept = list(
        user.library_imports.filter(has_rows=True).order_by("-pk").values_list("pk", "status")
    )
    # The constraint decides a race.
    if any(status in LibraryImport.UNDER_WAY for _pk, status in kept):
        raise ImportUnderWay
    try:
        with transaction.atomic():
            library_import = LibraryImport.objects.create(
                user=user,
                file_name=clean_file_name(file_name),
                language=translation.get_language() or "",
                format=table.columns.format,
                columns=list(table.columns.names),
                replace_stars=replace_stars,
                n_rows=n_rows,
            )
            ImportFile.objects.create(library_import=library_import, content=content)
            _forget([pk for pk, _status in kept[KEPT_IMPORTS - 1 :]])
            transaction.on_commit(partial(_send, library_import.pk))
    except IntegrityError as error:
        raise ImportUnderWay from error
    return library_import


def too_large() -> str:
    """Return what is told of a file beyond the limit."""
    return _("The file is larger than %(limit)s.") % {"limit": filesizeformat(max_bytes())}


def clean_file_name(name: str) -> str:
    """Return the last part of a path, printable and not too long, to be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in last).split())
    return cleaned[:120] or "library.csv"


def request_undo(library_import: LibraryImport) -> None:
    """Have a worker take back all that the import changed.

    Raises
    ------
    ImportNotPossible
        When it has not ended, was undone already, or its rows are no longer kept.
    ImportUnderWay
        While another import of the reader is at work.
    """
    if not can_undo(library_import):
        raise ImportNotPossible(_("This import cannot be undone, or no longer."))
    same = LibraryImport.objects.filter(pk=library_import.pk, status=library_import.status)
    try:
        with transaction.atomic():
            n_changed = same.update(
                status=LibraryImport.Status.UNDOING, n_done=0, n_attempts=0, beat_at=None
            )
            transaction.on_commit(partial(_send, library_import.pk))
    except IntegrityError as error:
        raise ImportUnderWay from error
    if not n_changed:
        raise ImportNotPossible(_("This import cannot be undone, or no longer."))


def can_undo(library_import: LibraryImport) -> bool:
    """Return whether the import has ended and what it changed is still known."""
    ended = library_import.status in (LibraryImport.Status.DONE, LibraryImport.Status.FAILED)
    counts = library_import.counts
    return ended and library_import.has_rows and bool(counts.get("added") or counts.get("updated"))


def tend() -> int:
    """Send again what no worker has taken up or has left lying; forget what is old.

    Returns how many imports were sent. A task that comes twice does nothing the second time.
    """
    for library_import in _lost().filter(n_attempts__gte=MAX_ATTEMPTS):
        _give_up(library_import)
    ids = list(_lost().values_list("pk", flat=True))
    for import_id in ids:
        _send(import_id)
    old = LibraryImport.objects.filter(
        finished_at__lt=Now() - timedelta(days=KEPT_DAYS), has_rows=True
    )
    _forget(list(old.values_list("pk", flat=True)))
    return len(ids)


def _give_up(library_import: LibraryImport) -> None:
    logger.error("import %d is given up after %d attempts", library_import.pk, MAX_ATTEMPTS)
    with translation.override(library_import.language or None):
        problem = _("The import did not come through. What it had changed can be undone.")
    ImportFile.objects.filter(library_import=library_import).delete()
    LibraryImport.objects.filter(pk=library_import.pk).update(
        status=LibraryImport.Status.FAILED, finished_at=Now(), problem=problem
    )


def _lost() -> QuerySet[LibraryImport]:
    return LibraryImport.objects.filter(
        Q(beat_at__lt=Now() - STALE_AFTER)
        | Q(beat_at__isnull=True, requested_at__lt=Now() - STALE_AFTER),
        status__in=LibraryImport.UNDER_WAY,
    )


def _forget(ids: Sequence[int]) -> None:
    if ids:
        LibraryImport.objects.filter(pk__in=ids).update(has_rows=False)
        # Choices made by hand hold for later files too.
        ImportRow.objects.filter(library_import__in=ids, is_chosen=False).delete()


def _send(import_id: int) -> None:
    try:
        current_app.send_task(IMPORT_TASK, args=[import_id])
    except OperationalError as error:
        logger.error("import %d stays queued, the broker does not answer: %s", import_id, error)


def begun(import_id: int) -> LibraryImport | None:
    """Take the import up, or return None when there is nothing to do or another worker is at it."""
    waiting = LibraryImport.objects.filter(pk=import_id, status__in=LibraryImport.UNDER_WAY).filter(
        Q(beat_at__isnull=True) | Q(beat_at__lt=Now() - STALE_AFTER)
    )
    if not waiting.update(beat_at=Now(), n_attempts=F("n_attempts") + 1):
        return None
    LibraryImport.objects.filter(pk=import_id, status=LibraryImport.Status.QUEUED).update(
        status=LibraryImport.Status.RUNNING
    )
    return LibraryImport.objects.select_related("user").filter(pk=import_id).first()
