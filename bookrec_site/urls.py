"""Every address of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from bookrec_site import views
from bookrec_site.pages import books, readers, search

urlpatterns = [
    path("", views.home, name="home"),
    path("books/", books.browse, name="browse"),
    path("books/<int:book_id>/", books.book, name="book"),
    path("search/suggest/", search.suggest, name="search_suggest"),
    path("readers/like-me/", readers.readers_like_me, name="readers_like_me"),
    path("readers/<str:username>/", readers.public_profile, name="public_profile"),
    path("readers/<slug:data_set>/<int:number>/", readers.imported_reader, name="imported_reader"),
    path("", include("accounts.urls")),
    path("", include("catalog.urls")),
    path("", include("ratings.urls")),
    path("", include("recommender.urls")),
    path("api/v1/", include("bookrec_site.api_urls")),
    path("language/", set_language, name="set_language"),
    path("health/", include("bookrec_site.health_urls")),
    # The administration's own log-in neither slows anybody down nor asks for a second step.
    path("admin/login/", secure_admin_login(admin.site.login)),
    path("admin/", admin.site.urls),
]

handler400 = "bookrec_site.problems.bad_request"
handler404 = "bookrec_site.problems.page_not_found"
handler429 = "accounts.throttling.too_many_requests"  # allauth's limits
handler500 = "bookrec_site.problems.server_error"
