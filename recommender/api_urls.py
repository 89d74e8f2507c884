from django.urls import path

from recommender import api

urlpatterns = [
    path("recommendations/", api.RecommendationsView.as_view(), name="api_recommendations"),
]
