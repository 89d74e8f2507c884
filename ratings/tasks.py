"""Background front doors to libraries and kept answers; they call services and hold no logic.

Numbers of imports are passed, never imports. Every task may be delivered twice.
"""

from celery import shared_task

from ratings.answered import forget_answers
from ratings.book_merges import forget_merges
from ratings.library_import import requests
from ratings.library_import.working import work_at


@shared_task(name=requests.IMPORT_TASK)
def import_library(import_id: int) -> None:
    """Work at an import, or its undoing, that nobody works at."""
    work_at(import_id)


@shared_task(name="ratings.tend_imports")
def tend_imports() -> None:
    """Send imports again that were left lying, and forget old ones."""
    requests.tend()


@shared_task(name="ratings.forget_answers")
def forget_old_answers() -> None:
    """Forget the answers of requests that may not be sent again any more."""
    forget_answers()


@shared_task(name="ratings.forget_merges")
def forget_old_merges() -> None:
    """Forget what undoing merges needs, once they are too old to be undone."""
    forget_merges()
