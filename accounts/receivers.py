"""What follows when a reader logs in or changes the password."""

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from accounts.open_sessions import end_sessions, note_log_in


@receiver(user_logged_in, dispatch_uid="accounts.note_log_in")
def on_log_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    note_log_in(request, user)


@receiver([password_changed, password_set], dispatch_uid="accounts.new_password")
def on_new_password(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """A new password ends the sessions on other devices, not only in name; tokens: `User.save`."""
    end_sessions(user, but=request.session.session_key)


@receiver(password_reset, dispatch_uid="accounts.reset_password")
def on_reset_password(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Who lost control of the account has it back alone."""
    end_sessions(user)
