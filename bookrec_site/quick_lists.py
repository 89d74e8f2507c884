"""The administration's lists, quick on millions of rows: none counts a whole table.

Every list gets this, whichever app or library registers it.
"""

from collections.abc import Callable, Iterable
from functools import cached_property, wraps
from typing import Any, TypeVar, cast

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Up to here rows are counted; who looks for something further on had better filter.
COUNTED = 10_000

_View = TypeVar("_View", bound=Callable[..., HttpResponseBase])


class About(int):
    """A number that is not exact, and says so."""

    def __str__(self) -> str:
        return f"about {int(self):,}" if self > COUNTED else f"{int(self):,}"


class OverCounted(int):
    """The number at which counting stopped."""

    def __str__(self) -> str:
        return f"more than {int(self):,}"


class QuickPaginator(Paginator):
    """Counts as far as pages go; of an unfiltered table tells the server's own estimate.

    Pages go as far as `COUNTED` rows, which bounds how far the server has to skip.
    """

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: COUNTED + 1].count()
        if counted <= COUNTED:
            return counted
        if not rows.query.where and not rows.query.distinct:
            return About(max(_estimate(rows.model, rows.db), counted))
        return OverCounted(COUNTED)

    @cached_property
    def num_pages(self) -> int:
        return -(-max(1, min(int(self.count), COUNTED)) // self.per_page)


def _estimate(model: type[Model], using: str) -> int:
    """Return about how many rows a table has, by the server's statistics."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
            [model._meta.db_table],
        )
        [rows] = cursor.fetchone()
    return int(rows)


class QuickSite(admin.AdminSite):
    """Django's own, with lists that are quick on millions of rows."""

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        quick = {
            "paginator": QuickPaginator,
            "show_full_result_count": False,
            # A click on "Show counts" counts a table once for each choice of each filter.
            "show_facets": admin.ShowFacets.NEVER,
        }
        super().register(model_or_iterable, admin_class, **(quick | options))

    def admin_view(self, view: _View, cacheable: bool = False) -> _View:
        """Refuse an address with a null character, which PostgreSQL takes in no text, and odd keys.

        Django asks the database for the value of a filter, and for the keys of chosen rows, as they
        came. Only who may see the page gets as far.
        """

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if any("\0" in value for values in request.GET.lists() for value in values[1]):
                raise BadRequest("There is a null character in the address.")
            keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
            if not all(key.isascii() and key.isdecimal() for key in keys):
                raise BadRequest("The key of a row is a number.")
            return view(request, *args, **kwargs)

        return super().admin_view(cast(_View, checked), cacheable)


class QuickAdminConfig(AdminConfig):
    default_site = "bookrec_site.quick_lists.QuickSite"
