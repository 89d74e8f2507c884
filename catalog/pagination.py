"""Pages of lists that were counted on the way."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property


class CountedPaginator(Paginator):
    """Pages of rows whose number is known, which saves the query that counts them."""

    def __init__(self, rows: Any, per_page: int, n_rows: int) -> None:
        super().__init__(rows, per_page)
        self._n_rows = n_rows

    @cached_property
    def count(self) -> int:
        return self._n_rows
