"""What can be wrong with an opinion."""


class RatingError(Exception):
    """Base of this app's errors; the message is written for the reader."""


class BookGone(RatingError):
    """The book, or the reader, was deleted while the opinion was on its way."""

    def __init__(self) -> None:
        super().__init__("This book is no longer in the catalogue.")


class InvalidStars(RatingError):
    """Stars that are no whole number from 1 to 5."""

    def __init__(self, stars: object) -> None:
        super().__init__(f"Stars are whole numbers from 1 to 5, not {stars!r:.40}.")
