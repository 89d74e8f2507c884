"""Lists of the API, page by page; each page says where the next one is.

A cursor holds the place of the last row in the order, so rows that come and go meanwhile neither
repeat a row nor skip one. It is signed: what comes back is what was given out. The time is no part
of it: a page that is asked for again is the same text, and so has the same `ETag`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core import signing
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Combinable
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from accounts.parameters import whole_number

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
_SIGNER = signing.Signer(salt="bookrec.api.cursor")

PAGE_PARAMETERS = [
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "default": DEFAULT_PAGE_SIZE},
        description=f"How many a page; {MAX_PAGE_SIZE} at most, however many are asked for.",
    ),
    OpenApiParameter("cursor", str, description="From the `next` of the page before."),
]


@dataclass(frozen=True)
class Key:
    """What rows are ordered by; never null, and together with the keys after it unique."""

    name: str
    descending: bool = False
    # When it is no column of its own.
    expression: Combinable | None = None


@dataclass(frozen=True)
class Page:
    items: list[Any]
    next: str | None


Params = Mapping[str, str]


def keyset_page(
    request: Request, params: Params, rows: QuerySet[Any], keys: Sequence[Key], *, order: str
) -> Page:
    """Return the page that is asked for; `order` names the order, which cursors carry."""
    size = _page_size(params)
    cursor = _cursor(params, order)
    extra = {key.name: key.expression for key in keys if key.expression is not None}
    rows = rows.annotate(**extra).order_by(
        *(F(key.name).desc() if key.descending else F(key.name).asc() for key in keys)
    )
    if cursor is not None:
        rows = rows.filter(_after(keys, cursor))
    found = list(rows[: size + 1])
    if len(found) <= size:
        return Page(found, None)
    last = found[size - 1]
    return Page(found[:size], _link(request, order, [getattr(last, key.name) for key in keys]))


def offset_page(
    request: Request, params: Params, rows: QuerySet[Any] | Sequence[Any], *, order: str
) -> Page:
    """The same of rows whose order no columns tell, such as the best matches of a search."""
    size = _page_size(params)
    [start] = _cursor(params, order) or [0]
    found = list(rows[start : start + size + 1])
    following = _link(request, order, [start + size]) if len(found) > size else None
    return Page(found[:size], following)


def _page_size(params: Params) -> int:
    size = whole_number(params, "page_size", low=1, high=None, default=DEFAULT_PAGE_SIZE)
    return min(size, MAX_PAGE_SIZE)


def _cursor(params: Params, order: str) -> list[Any] | None:
    text = params.get("cursor", "")
    if not text:
        return None
    try:
        named, *values = _SIGNER.unsign_object(text)
    except signing.BadSignature as error:
        raise NotFound("This cursor leads nowhere: it is none of ours.") from error
    if named != order:
        raise NotFound("This cursor leads nowhere: it is of a list in another order.")
    return list(values)


def _link(request: Request, order: str, values: list[Any]) -> str:
    plain = [str(value) if isinstance(value, Decimal) else value for value in values]
    cursor = _SIGNER.sign_object([order, *plain])
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)


def _after(keys: Sequence[Key], values: Sequence[Any]) -> Q:
    """Return the condition that a row comes after these values."""
    condition = Q()
    same = Q()
    for key, value in zip(keys, values, strict=True):
        condition |= same & Q(**{f"{key.name}__{'lt' if key.descending else 'gt'}": value})
        same &= Q(**{key.name: value})
    return condition
