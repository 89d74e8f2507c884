"""`/api/v1/`: the API, composed from every app."""

from django.urls import include, path

from bookrec_site.api import description

urlpatterns = [
    path("schema/", description.DescriptionView.as_view(), name="api_schema"),
    path("swagger/", description.SwaggerView.as_view(), name="api_swagger"),
    path("redoc/", description.RedocView.as_view(), name="api_redoc"),
    path("", include("accounts.api_urls")),
    path("", include("ratings.api_urls")),
    path("", include("recommender.api_urls")),
]
