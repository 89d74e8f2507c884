from django.urls import path

from ratings import api

urlpatterns = [
    path("books/<int:book_id>/rating/", api.BookRatingView.as_view(), name="api_rating"),
]
