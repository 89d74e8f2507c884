from django.urls import path

from ratings import api, own_api, rating_api, shelf_api

urlpatterns = [
    path("books/<int:book_id>/rating/", api.BookRatingView.as_view(), name="api_rating"),
    path("ratings/", rating_api.RatingsView.as_view(), name="api_ratings"),
    path("ratings/bulk/", rating_api.BulkRatingsView.as_view(), name="api_ratings_bulk"),
    path("ratings/<int:book_id>/", rating_api.OwnRatingView.as_view(), name="api_own_rating"),
    path("shelves/", shelf_api.ShelvesView.as_view(), name="api_shelves"),
    # A reader's own shelf may have a slash in its name.
    path(
        "shelves/<path:shelf>/<int:book_id>/",
        shelf_api.ShelfEntryView.as_view(),
        name="api_shelf_entry",
    ),
    path("shelves/<path:shelf>/", shelf_api.ShelfView.as_view(), name="api_shelf"),
    path("readings/", own_api.ReadingsView.as_view(), name="api_readings"),
    path("readings/<int:book_id>/", own_api.ReadingView.as_view(), name="api_reading"),
    path("dismissals/", own_api.DismissalsView.as_view(), name="api_dismissals"),
    path("dismissals/<int:book_id>/", own_api.DismissalView.as_view(), name="api_dismissal"),
    path("notes/<int:book_id>/", own_api.NoteView.as_view(), name="api_note"),
]
