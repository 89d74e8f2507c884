"""What happens to the events of lists when opinions change."""

import logging
from typing import Any

from django.dispatch import receiver

from accounts.models import User
from ratings.signals import rated_from_list, rating_changed
from recommender.feedback.recording import record_rating, take_rating_back

logger = logging.getLogger(__name__)


@receiver(rated_from_list, dispatch_uid="recommender.rated_from_list")
def note_rating_from_list(
    sender: Any, user: User | None, book_id: int, stars: int, list_id: str, **kwargs: Any
) -> None:
    """Record it as an event of its list; an id that counts no more changes nothing."""
    told = record_rating(reader=user, list_id=list_id, book_id=book_id, stars=stars)
    if told.result == "error":
        logger.info("a rating of book %d counts for no list: %s", book_id, told.reason)


@receiver(rating_changed, dispatch_uid="recommender.take_rating_back")
def take_back_rating_from_list(
    sender: Any, user_id: int, book_id: int, stars: int | None, **kwargs: Any
) -> None:
    """Stars that were taken back are no feedback any more."""
    if stars is None:
        take_rating_back(reader_id=user_id, book_id=book_id)
