"""What apps that know nothing of exports keep of a reader: their parts of the export."""

from collections.abc import Iterator

from accounts.models import User
from moderation.models import Report
from ratings.export_tables import ExportTable

_CHUNK = 2000


def _reports(user: User) -> Iterator[tuple[str, ...]]:
    reports = (
        Report.objects.filter(reporter=user)
        .order_by("pk")
        .values_list("book__title", "profile__username", "reason", "text", "created_at", "status")
    )
    for title, username, reason, text, when, status in reports.iterator(chunk_size=_CHUNK):
        of = "book" if username is None else "profile"
        told = when.isoformat(timespec="seconds")
        yield of, title if username is None else username, reason, text, told, status


REPORTED = ExportTable(
    name="reports",
    about="what you reported of books and of other readers, and what became of it",
    columns=("Of", "Name", "Reason", "In your words", "When", "Status"),
    rows=_reports,
)
