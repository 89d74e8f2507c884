from django.urls import path

from moderation import views

urlpatterns = [
    path("books/<int:book_id>/report/", views.report_book, name="report_book"),
    path("readers/<str:username>/report/", views.report_profile, name="report_profile"),
]
