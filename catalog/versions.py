"""Which state the catalogue is in, for whoever keeps something that was made of it."""

from django.db.models import Count, Sum

from catalog.models import CatalogChange

Version = tuple[int, int]


def catalog_version() -> Version:
    """Return what no two states of the catalogue have in common; see `CatalogChange`."""
    found = CatalogChange.objects.aggregate(n=Count("id"), total=Sum("id"))
    return found["n"], int(found["total"] or 0)
