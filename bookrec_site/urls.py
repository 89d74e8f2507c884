"""Every address of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.sitemaps import views as sitemaps
from django.urls import include, path
from django.views.i18n import set_language

from bookrec_site.metrics.views import metrics
from bookrec_site.operations.views import operations
from bookrec_site.pages import (
    authors,
    book,
    books,
    curating,
    editorial,
    home,
    onboarding,
    readers,
    robots,
    search,
    tryout,
)
from bookrec_site.pages import map as map_pages

urlpatterns = [
    path("", home.home, name="home"),
    path("welcome/", onboarding.welcome, name="welcome"),
    path("welcome/list/", onboarding.welcome_list, name="welcome_list"),
    path("welcome/done/", onboarding.welcome_done, name="welcome_done"),
    path("try/", tryout.try_out, name="try_out"),
    path("try/list/", tryout.try_out_list, name="try_out_list"),
    path("try/forget/", tryout.start_over, name="start_over"),
    path("books/", books.browse, name="browse"),
    path("map/", map_pages.book_map, name="map"),
    path("map/<slug:token>/<slug:name>", map_pages.map_file, name="map_file"),
    path("map/books/<int:book_id>/", map_pages.map_book, name="map_book"),
    path("map/mine/", map_pages.my_marks, name="map_mine"),
    path("search/suggest/", search.suggest, name="search_suggest"),
    path("readers/like-me/", readers.readers_like_me, name="readers_like_me"),
    path("readers/<str:username>/", readers.public_profile, name="public_profile"),
    path("readers/<slug:data_set>/<int:number>/", readers.imported_reader, name="imported_reader"),
    path("books/<int:book_id>/", book.book, name="book"),
    path("authors/", authors.authors, name="authors"),
    path("authors/<int:author_id>/", authors.author, name="author"),
    path("lists/", editorial.editorial_lists, name="editorial_lists"),
    path("lists/<int:list_id>/", editorial.editorial_list, name="editorial_list"),
    path("series/", authors.all_series, name="all_series"),
    path("series/<int:series_id>/", authors.series, name="series"),
    path("", include("accounts.urls")),
    path("", include("catalog.urls")),
    path("", include("moderation.urls")),
    path("", include("ratings.urls")),
    path("", include("recommender.urls")),
    path("api/v1/", include("bookrec_site.api_urls")),
    path("robots.txt", robots.robots, name="robots"),
    path("sitemap.xml", sitemaps.index, {"sitemaps": robots.SITEMAPS}, name="sitemap"),
    path(
        "sitemap-<section>.xml",
        sitemaps.sitemap,
        {"sitemaps": robots.SITEMAPS},
        name="django.contrib.sitemaps.views.sitemap",
    ),
    path("language/", set_language, name="set_language"),
    path("health/", include("bookrec_site.health_urls")),
    path("metrics", metrics, name="metrics"),
    # The administration's own log-in neither slows anybody down nor asks for a second step.
    path("admin/login/", secure_admin_login(admin.site.login)),
    path("admin/operations/", admin.site.admin_view(operations), name="operations"),
    path(
        "admin/books/<int:book_id>/readers/",
        admin.site.admin_view(curating.book_insight),
        name="book_insight",
    ),
    path("admin/", admin.site.urls),
]

handler400 = "bookrec_site.problems.bad_request"
handler404 = "bookrec_site.problems.page_not_found"
handler429 = "accounts.throttling.too_many_requests"  # allauth's limits
handler500 = "bookrec_site.problems.server_error"
