"""How far a reader is in a series."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import Volume
from ratings.opinions import Opinions


@dataclass(frozen=True)
class MarkedVolume:
    volume: Volume
    # The reader's own; None: not rated.
    stars: int | None
    is_read: bool
    # The one to go on with: the first whole number not read, of a series that was begun.
    is_next: bool


def marked_volumes(volumes: Sequence[Volume], opinions: Opinions) -> list[MarkedVolume]:
    """Return the volumes of one series, in their order, with what the reader said of them."""
    read = {volume.book_id for volume in volumes} & opinions.read
    unread = (
        volume
        for volume in volumes
        if volume.book_id not in read
        and volume.number is not None
        and volume.number >= 1
        and volume.number == int(volume.number)
    )
    following = next(unread, None) if read else None
    return [
        MarkedVolume(
            volume,
            opinions.stars.get(volume.book_id),
            is_read=volume.book_id in read,
            is_next=volume is following,
        )
        for volume in volumes
    ]
