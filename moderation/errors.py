"""What can be wrong with a report, or with what is done about one."""

from django.utils.translation import gettext as _


class ReportError(Exception):
    """Base of this app's errors; the message is written for who asked."""


class AlreadyReported(ReportError):
    """The reader has reported the same thing, and nobody has looked at it yet."""

    def __init__(self) -> None:
        super().__init__(_("You have reported this already; we have not looked at it yet."))


class CannotReport(ReportError):
    """What cannot be reported, or not so; says why."""


class CannotDecide(ReportError):
    """What cannot be done about a report; told in the admin."""
