from django.urls import include, path

from ratings import book_views, dismissal_views, views
from ratings.pages import history, my_books, taste

urlpatterns = [
    path("books/<int:book_id>/rate/", views.rate, name="rate_book"),
    path("books/<int:book_id>/shelf/", views.shelve, name="shelve_book"),
    path("books/<int:book_id>/dismiss/", dismissal_views.dismiss, name="dismiss_book"),
    path("books/<int:book_id>/dismiss/undo/", dismissal_views.undo_dismiss, name="undo_dismissal"),
    path("dismissed/", dismissal_views.dismissed, name="dismissed"),
    path("my-books/", my_books.my_books, name="my_books"),
    path("my-books/edit/", my_books.edit_my_books, name="edit_my_books"),
    path("my-books/shelf/", my_books.edit_shelf, name="edit_shelf"),
    path("my-books/history/", history.reading_history, name="reading_history"),
    path("my-books/taste/", taste.taste, name="taste"),
    # Where these books were shown once; bookmarks and old links go on.
    path("ratings/", my_books.old_address, {"shelf": "read"}, name="my_ratings"),
    path("to-read/", my_books.old_address, {"shelf": "to_read"}, name="my_shelf"),
    path("library/", include("ratings.library_urls")),
    path("account/export/", include("ratings.export_urls")),
    path("books/<int:book_id>/shelves/", book_views.change_shelf, name="change_shelf"),
    path("books/<int:book_id>/read/", book_views.change_read, name="change_read"),
    path("books/<int:book_id>/note/", book_views.change_note, name="change_note"),
    path("books/<int:book_id>/yours/", book_views.yours, name="yours"),
]
