"""`/api/v1/`: the API, composed from every app."""

from django.urls import include, path, re_path

from bookrec_site.problems import not_found

urlpatterns = [
    path("", include("accounts.api_urls")),
    path("", include("ratings.api_urls")),
    path("", include("recommender.api_urls")),
    re_path(r"^", not_found),
]
