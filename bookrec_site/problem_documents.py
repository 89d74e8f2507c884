"""RFC 9457 problem documents, for whoever answers: Django's views, and gunicorn before Django."""

from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, **members: object) -> dict[str, object]:
    """Return the members of a problem document; type is "about:blank", so title names status."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **members,
    }
