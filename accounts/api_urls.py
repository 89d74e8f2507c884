from django.urls import path

from accounts import account_api, email_api, sign_up_api, token_api

urlpatterns = [
    path("auth/signup/", sign_up_api.SignUpView.as_view(), name="api_signup"),
    path("auth/token/", token_api.TokenView.as_view(), name="api_token"),
    path("tokens/", token_api.TokensView.as_view(), name="api_tokens"),
    path("tokens/<slug:token_id>/", token_api.OwnTokenView.as_view(), name="api_own_token"),
    path("account/", account_api.AccountView.as_view(), name="api_account"),
    path("account/password/", account_api.PasswordView.as_view(), name="api_password"),
    path("account/email/", email_api.AddressView.as_view(), name="api_address"),
    path(
        "account/email/confirmation/",
        email_api.ConfirmationView.as_view(),
        name="api_address_confirmation",
    ),
    path("account/deletion/", account_api.DeletionView.as_view(), name="api_deletion"),
]
