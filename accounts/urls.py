from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import include, path
from django.views.generic import RedirectView

from accounts import settings_views
from accounts.views import EmailView, LogInView, SignUpView

account_urls = [
    path("", settings_views.overview, name="account"),
    path("privacy/", settings_views.set_privacy, name="account_privacy"),
    path("recommendations/", settings_views.set_recommendations, name="account_recommendations"),
    path("sessions/", settings_views.sessions, name="account_sessions"),
    path("sessions/end-others/", settings_views.end_other_sessions, name="account_end_others"),
    path("sessions/<int:session_id>/end/", settings_views.end_session, name="account_end_session"),
    path("tokens/", settings_views.tokens, name="account_tokens"),
    path(
        "tokens/<slug:token_key>/revoke/", settings_views.revoke_token, name="account_revoke_token"
    ),
    path("data/", settings_views.data, name="account_data"),
    path("delete/", settings_views.delete_account, name="account_delete"),
    # Ours in front of allauth's of the same address and name.
    path("login/", LogInView.as_view(), name="account_login"),
    path("signup/", SignUpView.as_view(), name="account_signup"),
    path("email/", EmailView.as_view(), name="account_email"),
    path("", include("allauth.account.urls")),
    path("two-step/", include("allauth.mfa.urls")),
]


def moved(name: str) -> Callable[..., HttpResponseBase]:
    return RedirectView.as_view(pattern_name=name, permanent=True, query_string=True)


urlpatterns = [
    path("account/", include(account_urls)),
    path("login/", moved("account_login"), name="login"),
    path("signup/", moved("account_signup"), name="signup"),
    path("logout/", moved("account_logout"), name="logout"),
]
