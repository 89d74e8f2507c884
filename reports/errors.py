"""What can go wrong with a report."""


class ReportError(Exception):
    """Base of this app's errors; the message is written for the operator."""


class ReportUnderWay(ReportError):
    """Another report is being made; one at a time."""
