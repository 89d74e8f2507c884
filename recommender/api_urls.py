from django.urls import path

from recommender import api, asked_api

urlpatterns = [
    path("recommendations/", api.RecommendationsView.as_view(), name="api_recommendations"),
    path(
        "recommendations/session/",
        asked_api.SessionRecommendationsView.as_view(),
        name="api_session_recommendations",
    ),
    path("predictions/", asked_api.PredictionsView.as_view(), name="api_predictions"),
]
