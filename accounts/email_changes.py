"""Changing a reader's address: the present one stays until a key mailed to the new one came back.

One flow for the page and for the API, allauth's. Whether an address is somebody else's is told to
that address alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.email_verification import (
    add_email_verification_sent_message,
    handle_verification_email_rate_limit,
    send_verification_email_to_address,
)
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from accounts.models import User
from accounts.selectors import anothers_with, is_anothers_email


@dataclass(frozen=True)
class OwnAddress:
    """The reader's address, and the one that is to take its place, if any."""

    email: str
    is_confirmed: bool
    waiting: str | None


def own_address(user: User) -> OwnAddress:
    return _shown(user, EmailAddress.objects.filter(user=user))


def _shown(user: User, addresses: Iterable[EmailAddress]) -> OwnAddress:
    known = list(addresses)
    waiting = [one.email for one in known if _waits(user, one)]
    return OwnAddress(
        user.email, any(one.verified for one in known), waiting[-1] if waiting else None
    )


def _waits(user: User, address: EmailAddress) -> bool:
    return not (address.verified or address.primary or address.email == user.email.lower())


def request_change(request: HttpRequest, user: User, address: str) -> OwnAddress:
    """Let an address wait in place of any other, and mail the key to it.

    Raises
    ------
    ValidationError
        By field name: it is the present one, or two-step log-in is on.
    """
    address = address.lower()
    with transaction.atomic():
        # Two requests at once leave one address that waits.
        user.email, has_two_step, is_anothers = (
            User.objects.select_for_update(no_key=True)
            .filter(pk=user.pk)
            .values_list(
                # As it is now: a key may have come back since the reader was read.
                "email",
                Exists(Authenticator.objects.filter(user=OuterRef("pk"))),
                Exists(anothers_with(address, user)),
            )
            .get()
        )
        if has_two_step:
            raise ValidationError(
                {"email": get_mfa_adapter().validation_error("add_email_blocked")}
            )
        known = {one.email: one for one in EmailAddress.objects.filter(user=user)}
        if address in known and not _waits(user, known[address]):
            raise ValidationError({"email": get_adapter().validation_error("duplicate_email")})
        if replaced := [
            one for one in known.values() if _waits(user, one) and one.email != address
        ]:
            EmailAddress.objects.filter(pk__in=[one.pk for one in replaced]).delete()
        # An administrator's own may have been made without; then nobody would be told.
        wanted = {address, user.email.lower()} - {"", *known}
        made = EmailAddress.objects.bulk_create(
            EmailAddress(user=user, email=email) for email in sorted(wanted)
        )
        # The key that was mailed before goes on working.
        kept = [one for one in known.values() if one not in replaced] + made
        waiting = next(one for one in kept if one.email == address)
    send_key(request, waiting, is_anothers=is_anothers)
    return _shown(user, kept)


def send_key(
    request: HttpRequest, address: EmailAddress, *, is_anothers: bool | None = None
) -> None:
    """Mail the key to an address, unless that was done just now; somebody else's gets no key.

    The reader cannot tell the one from the other. None: it is asked for.
    """
    if is_anothers is None:
        is_anothers = is_anothers_email(address.email, address.user)
    if not is_anothers:
        send_verification_email_to_address(request, address)
    elif handle_verification_email_rate_limit(request, address.email):
        get_adapter(request).send_mail("account/email/address_taken", address.email, {})
        add_email_verification_sent_message(request, address.email, signup=False)


def cancel_change(request: HttpRequest, user: User) -> bool:
    """Forget the address that waits, and tell the present one; False when none does."""
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).filter(pk=user.pk)
        present = locked.values_list("email", flat=True).first()
        if present is None:
            return False
        user.email = present
        waiting = [one for one in EmailAddress.objects.filter(user=user) if _waits(user, one)]
        EmailAddress.objects.filter(pk__in=[one.pk for one in waiting]).delete()
    for address in waiting:
        get_adapter(request).send_notification_mail(
            "account/email/email_deleted", user, {"deleted_email": address.email}
        )
    return bool(waiting)


def confirmation_of(key: str) -> EmailConfirmationHMAC | None:
    """Return what a mailed key confirms; None when it is forged, too old, or was used."""
    found: EmailConfirmationHMAC | None = EmailConfirmationHMAC.from_key(key)
    return found
