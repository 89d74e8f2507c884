"""Whether a new run is worth its time."""

from typing import Final

from catalog.models import DataImport
from ratings.models import Rating
from recommender.active import holder
from recommender.models import TrainingRun

# A run that failed is tried again, but not for ever: what killed it may be its size.
MAX_FAILURES: Final = 3


def is_up_to_date() -> bool:
    """Return whether the active run was fitted on the data import that is in the database."""
    run = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
    if run is None or holder.state() != "ok":
        return False
    return bool(run.dataset.get("data_import") == _last_import())


def why_train(min_new_ratings: int) -> str | None:
    """Return what speaks for a full run now, or None.

    Compared is with the last attempt and not with the active run: one that was rejected would be
    rejected again. Runs that failed do not count as attempts until there are three in a row.
    """
    if min_new_ratings < 1:
        raise ValueError(f"min_new_ratings is {min_new_ratings}; wanted 1 or more.")
    ended = TrainingRun.objects.exclude(status__in=TrainingRun.UNDER_WAY).order_by("-pk")
    tried = ended.exclude(status=TrainingRun.Status.FAILED).first()
    failed = ended.filter(pk__gt=tried.pk if tried else 0)
    if failed.count() >= MAX_FAILURES:
        tried = failed.first()
    if tried is None:
        return "There is no run yet." if Rating.objects.exists() else None
    if tried.status == TrainingRun.Status.ACTIVE and tried.kind == TrainingRun.Kind.QUICK:
        return f"Run {tried.pk} holds lists only."
    known = TrainingRun.objects.filter(pk__lte=tried.pk).exclude(dataset={}).order_by("-pk").first()
    if known is None:
        return "No run has seen the ratings yet." if Rating.objects.exists() else None
    if known.dataset.get("data_import") != _last_import():
        return "A data set was imported."
    newer = Rating.objects.filter(pk__gt=known.dataset.get("last_rating_id", 0))
    # Counted no further than asked for.
    n_new = newer.order_by("pk")[:min_new_ratings].count()
    if n_new >= min_new_ratings:
        return f"{min_new_ratings:,} or more ratings are new since run {known.pk}."
    return None


def _last_import() -> int | None:
    return DataImport.objects.order_by("-id").values_list("id", flat=True).first()
