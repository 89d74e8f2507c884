from django.urls import path

from recommender import api, asked_api, feedback_api, runs_api

urlpatterns = [
    path("recommendations/", api.RecommendationsView.as_view(), name="api_recommendations"),
    path(
        "recommendations/session/",
        asked_api.SessionRecommendationsView.as_view(),
        name="api_session_recommendations",
    ),
    path("events/", feedback_api.EventsView.as_view(), name="api_events"),
    path("predictions/", asked_api.PredictionsView.as_view(), name="api_predictions"),
    path("runs/", runs_api.RunsView.as_view(), name="api_runs"),
    path("runs/rollback/", runs_api.RollbackView.as_view(), name="api_rollback"),
    path("runs/<int:run_id>/", runs_api.RunView.as_view(), name="api_run"),
    path("runs/<int:run_id>/cancel/", runs_api.CancelRunView.as_view(), name="api_cancel_run"),
    path(
        "runs/<int:run_id>/activate/", runs_api.ActivateRunView.as_view(), name="api_activate_run"
    ),
]
