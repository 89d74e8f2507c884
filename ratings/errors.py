"""What can be wrong with an opinion."""

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


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


class NothingChosen(RatingError):
    """An edit of many books that names none."""

    def __init__(self) -> None:
        super().__init__(_("Nothing was changed: tick the books first."))


class TooManyBooks(RatingError):
    """An edit of more books than are changed at once."""

    def __init__(self, n_books: int, limit: int) -> None:
        super().__init__(
            _("Nothing was changed: at most %(limit)s books at once, not %(n)s.")
            % {"limit": limit, "n": n_books}
        )


class BooksUnknown(RatingError):
    """An edit that names books which are not in the catalogue, or not any more."""

    def __init__(self, n_books: int) -> None:
        text = ngettext(
            "Nothing was changed: one of the books is not in the catalogue any more.",
            "Nothing was changed: %(n)s of the books are not in the catalogue any more.",
            n_books,
        )
        super().__init__(text % {"n": n_books})


class DayInFuture(RatingError):
    """A book cannot have been finished on a day to come."""

    def __init__(self, day: date) -> None:
        super().__init__(
            _("Nothing was changed: %(day)s is still to come.") % {"day": date_format(day)}
        )


class ShelfReserved(RatingError):
    """A shelf of a reader's own cannot have the name of one that everybody has."""

    def __init__(self, name: str) -> None:
        super().__init__(_("“%(name)s” is the name of another shelf.") % {"name": name})


class NothingToRemove(RatingError):
    """A removal that would remove nothing."""

    def __init__(self) -> None:
        super().__init__(_("Nothing was changed: there is nothing to remove from these books."))


class InvalidDay(RatingError):
    """A day that is in no calendar."""

    def __init__(self, text: str) -> None:
        super().__init__(
            _("Nothing was changed: “%(day)s” is no day like 2024-12-31.") % {"day": text[:40]}
        )


class LibraryFileError(RatingError):
    """A file that cannot be imported as a whole; nothing of it was stored."""


class ImportUnderWay(RatingError):
    """The reader's last import has not ended yet."""

    def __init__(self) -> None:
        super().__init__(_("Your last import is still at work; please wait until it has ended."))


class ImportNotPossible(RatingError):
    """What was asked of an import or of one of its rows does not go, or no longer."""


class KeyReused(RatingError):
    """An Idempotency-Key that came with another request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request; take a new one.")


class MergeNotPossible(RatingError):
    """Two books that cannot be merged, or a merge that cannot be undone; told in the admin."""
