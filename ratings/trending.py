"""What readers of this site rate these days."""

from datetime import timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts.models import User
from ratings.models import Rating

TREND_DAYS = 30
# One reader's evening is no trend, and nobody's alone to be seen.
MIN_READERS = 2


def trending_book_ids(k: int, *, genre: str = "") -> list[int]:
    """Return the first k of `trending_ids`."""
    return list(trending_ids(genre=genre)[:k])


def trending_ids(*, genre: str = "") -> QuerySet[Rating, int]:
    """Return the ids of the books that most readers of this site rated in the last 30 days.

    At least two readers each, the most first, ties by the book's number of ratings; of one
    genre when its slug is given. Imported ratings have no date and never count.
    """
    since = timezone.now() - timedelta(days=TREND_DAYS)
    recent = Rating.objects.filter(
        created_at__gte=since, user__source=User.Source.SITE, book__is_hidden=False
    )
    if genre:
        recent = recent.filter(book__book_genres__genre__slug=genre)
    return (
        recent.values("book")
        .annotate(n_readers=Count("pk"))
        .filter(n_readers__gte=MIN_READERS)
        .order_by("-n_readers", "-book__ratings_count", "book")
        .values_list("book", flat=True)
    )
