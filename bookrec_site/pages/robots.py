"""What search engines are told: where to look, and which pages are there."""

from django.contrib.sitemaps import Sitemap
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from catalog.models import Author, Authorship, Book, Series, Volume
from catalog.selectors import visible_books

# Pages that are a reader's own, or change something, or are not pages. Lists with filters have no
# end of addresses; their books are in the site map.
DISALLOWED = (
    "/account",
    "/admin/",
    "/api/",
    "/dismissed/",
    "/health/",
    "/language/",
    "/library/",
    "/login/",
    "/my-books/",
    "/ratings/",
    "/readers/",
    "/recommendations/",
    "/search/",
    "/signup/",
    "/to-read/",
    "/books/?",
)


@require_safe
@cache_control(public=True, max_age=3600)
def robots(request: HttpRequest) -> HttpResponse:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in DISALLOWED)]
    lines += ["", f"Sitemap: {request.build_absolute_uri(reverse('sitemap'))}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


class _CatalogueSitemap(Sitemap):
    # Of the 50,000 that the protocol allows: a page should not take a second.
    limit = 5000
    protocol = None


class Pages(_CatalogueSitemap):
    def items(self) -> list[str]:
        return ["home", "browse", "authors", "all_series"]

    def location(self, item: str) -> str:
        return reverse(item)


class Books(_CatalogueSitemap):
    def items(self) -> QuerySet[Book]:
        return visible_books().only("pk").order_by("pk")


class Authors(_CatalogueSitemap):
    def items(self) -> QuerySet[Author]:
        shown = Authorship.objects.filter(author=OuterRef("pk"), book__is_hidden=False)
        return Author.objects.filter(Exists(shown)).only("pk").order_by("pk")


class AllSeries(_CatalogueSitemap):
    def items(self) -> QuerySet[Series]:
        shown = Volume.objects.filter(series=OuterRef("pk"), book__is_hidden=False)
        return Series.objects.filter(Exists(shown)).only("pk").order_by("pk")


SITEMAPS: dict[str, type[Sitemap]] = {
    "pages": Pages,
    "books": Books,
    "authors": Authors,
    "series": AllSeries,
}
