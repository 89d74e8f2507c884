"""How the API describes itself, and who else may call it from a browser."""

from typing import Any
from urllib.parse import urlsplit

from environs import ValidationError

API_DESCRIPTION: dict[str, Any] = {
    "TITLE": "Bookrec",
    "VERSION": "1",
    "DESCRIPTION": (
        "Books, ratings and recommendations. What only reads the catalogue needs no account; "
        "for the rest, get a token at `/api/v1/auth/token/` and send it as "
        "`Authorization: Token …`. Every error is a problem document (RFC 9457)."
    ),
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    # The description is served from here, with everything that its pages need.
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "bookrec_site.schema.add_links",
    ],
    # Fields of the same name that choose from different values.
    "ENUM_NAME_OVERRIDES": {
        "ImportStatus": "ratings.models.LibraryImport.Status",
        "RunStatus": "recommender.models.TrainingRun.Status",
        "RunKind": "recommender.models.TrainingRun.Kind",
        "ImportFormat": "ratings.models.LibraryImport.Format",
        "RowOutcome": "ratings.models.ImportRow.Outcome",
        "EventKind": "recommender.models.FeedbackEvent.Kind",
        "EventOutcome": ["recorded", "known", "ignored", "error"],
        "RatingOutcome": ["created", "updated", "unchanged", "error"],
        "TokenScope": "accounts.models.ApiToken.Scope",
        "ListBasis": ["ratings", "popular", "book", "off"],
        "StarsBasis": ["reader", "mean"],
        "DescriptionSource": ["language_model", "curator"],
        "ExportName": ["everything", "goodreads"],
    },
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayOperationId": False},
}


def origins(values: list[str]) -> None:
    """Refuse what is no origin: a scheme and a host, perhaps a port, nothing else."""
    for value in values:
        try:
            parts = urlsplit(value)
            is_origin = parts.scheme in ("http", "https") and bool(parts.hostname)
            is_origin = is_origin and value == f"{parts.scheme}://{parts.netloc}"
            _ = parts.port
        except ValueError:
            is_origin = False
        if not is_origin or "@" in value or "*" in value:
            raise ValidationError(f"{value!r} is no origin such as https://books.example")
