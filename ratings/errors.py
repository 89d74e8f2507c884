"""What can be wrong with an opinion."""

from django.utils.translation import gettext as _


class RatingError(Exception):
    """Base of this app's errors; the message is written for the reader."""


class BookGone(RatingError):
    """The book, or the reader, was deleted while the opinion was on its way."""

    def __init__(self) -> None:
        super().__init__(_("This book is no longer in the catalogue."))


class InvalidStars(RatingError):
    """Stars that are no whole number from 1 to 5."""

    def __init__(self, stars: object) -> None:
        super().__init__(
            _("Stars are whole numbers from 1 to 5, not %(stars)s.") % {"stars": f"{stars!r:.40}"}
        )


class InvalidShelf(RatingError):
    """A shelf's name that is none: empty, or longer than a name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _("A shelf has a name of 1 to 60 characters, not “%(name)s”.") % {"name": name[:80]}
        )


class NoteTooLong(RatingError):
    """A note of more characters than are kept."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(
            _("A note has at most %(limit)s characters; this one has %(length)s.")
            % {"limit": limit, "length": length}
        )


class TooManyGuestRatings(RatingError):
    """More books than a visit without an account keeps."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            _("%(limit)s ratings are as many as we keep without an account. Sign up to go on.")
            % {"limit": limit}
        )


class LibraryFileError(RatingError):
    """A file that cannot be imported as a whole; nothing of it was stored."""


class ImportUnderWay(RatingError):
    """The reader's last import has not ended yet."""

    def __init__(self) -> None:
        super().__init__(_("Your last import is still at work; please wait until it has ended."))


class ImportNotPossible(RatingError):
    """What was asked of an import or of one of its rows does not go, or no longer."""
