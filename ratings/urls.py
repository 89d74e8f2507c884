from django.urls import path

from ratings import views

urlpatterns = [
    path("books/<int:book_id>/rate/", views.rate, name="rate_book"),
    path("books/<int:book_id>/shelf/", views.shelve, name="shelve_book"),
    path("ratings/", views.my_ratings, name="my_ratings"),
    path("to-read/", views.my_shelf, name="my_shelf"),
]
