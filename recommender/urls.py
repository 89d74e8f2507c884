from django.urls import path

from recommender import views

urlpatterns = [
    path("recommendations/", views.recommendations, name="recommendations"),
]
