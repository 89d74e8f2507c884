"""What happens to opinions when something happens to an account."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import ngettext

from accounts.models import User
from ratings.guest import carry_over


@receiver(user_logged_in, dispatch_uid="ratings.guest_stars")
def take_guest_stars_along(
    sender: type[User], request: HttpRequest | None, user: User, **kwargs: Any
) -> None:
    """Give the account what its reader rated before they logged in or signed up."""
    if request is None:
        return
    n_added = carry_over(request.session, user)
    if n_added:
        text = ngettext(
            "The book that you rated before is in your account now.",
            "The %(n)s books that you rated before are in your account now.",
            n_added,
        )
        # A log-in by code has no page to say it on.
        messages.success(request, text % {"n": n_added}, fail_silently=True)
