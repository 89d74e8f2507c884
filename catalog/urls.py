from django.urls import path

from catalog import views

urlpatterns = [
    path("covers/<int:book_id>.svg", views.placeholder_cover, name="placeholder_cover"),
    path("covers/<int:book_id>/<str:name>", views.uploaded_cover, name="uploaded_cover"),
]
