from django.urls import path

from ratings import dismissal_views, views

urlpatterns = [
    path("books/<int:book_id>/rate/", views.rate, name="rate_book"),
    path("books/<int:book_id>/shelf/", views.shelve, name="shelve_book"),
    path("books/<int:book_id>/dismiss/", dismissal_views.dismiss, name="dismiss_book"),
    path("books/<int:book_id>/dismiss/undo/", dismissal_views.undo_dismiss, name="undo_dismissal"),
    path("dismissed/", dismissal_views.dismissed, name="dismissed"),
    path("ratings/", views.my_ratings, name="my_ratings"),
    path("to-read/", views.my_shelf, name="my_shelf"),
]
