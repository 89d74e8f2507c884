from django.urls import path

from accounts import api

urlpatterns = [
    path("auth/signup/", api.SignUpView.as_view(), name="api_signup"),
    path("auth/token/", api.TokenView.as_view(), name="api_token"),
]
