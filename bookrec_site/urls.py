"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from bookrec_site import views

urlpatterns = [
    path("", views.home, name="home"),
    path("books/", views.browse, name="browse"),
    path("books/<int:book_id>/", views.book, name="book"),
    path("", include("accounts.urls")),
    path("", include("catalog.urls")),
    path("", include("ratings.urls")),
    path("", include("recommender.urls")),
    path("api/v1/", include("bookrec_site.api_urls")),
    path("health/", include("bookrec_site.health_urls")),
    path("admin/", admin.site.urls),
]

handler404 = "bookrec_site.problems.page_not_found"
handler500 = "bookrec_site.problems.server_error"
