"""What every page says about where its data came from."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from catalog.selectors import latest_import


def data_source(request: HttpRequest) -> dict[str, object]:
    """Give templates `data_source`: "goodbooks", "builtin", or "" for an empty catalogue.

    Asked when a template first looks, so answers without the site's frame cost no query.
    """

    def find() -> str:
        latest = latest_import()
        return latest.source if latest else ""

    return {"data_source": SimpleLazyObject(find)}
