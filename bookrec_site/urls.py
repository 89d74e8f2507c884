"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from accounts.views import AdminLogInView
from bookrec_site import views
from bookrec_site.pages import books, search

urlpatterns = [
    path("", views.home, name="home"),
    path("books/", books.browse, name="browse"),
    path("books/<int:book_id>/", books.book, name="book"),
    path("search/suggest/", search.suggest, name="search_suggest"),
    path("", include("accounts.urls")),
    path("", include("catalog.urls")),
    path("", include("ratings.urls")),
    path("", include("recommender.urls")),
    path("api/v1/", include("bookrec_site.api_urls")),
    path("language/", set_language, name="set_language"),
    path("health/", include("bookrec_site.health_urls")),
    # Before the administration's own log-in, which nothing slows down.
    path("admin/login/", AdminLogInView.as_view()),
    path("admin/", admin.site.urls),
]

handler400 = "bookrec_site.problems.bad_request"
handler404 = "bookrec_site.problems.page_not_found"
handler500 = "bookrec_site.problems.server_error"
