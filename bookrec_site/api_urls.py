"""`/api/v1/`: the API, composed from every app."""

from django.urls import include, path

urlpatterns = [
    path("", include("accounts.api_urls")),
    path("", include("ratings.api_urls")),
    path("", include("recommender.api_urls")),
]
