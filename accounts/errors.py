"""What accounts refuse, in words for people."""

from django.utils.translation import gettext as _


class AccountError(Exception):
    """Something about an account that cannot be done."""


class TokenRefused(AccountError):
    """A token that may not be made."""


class PasswordChanged(TokenRefused):
    def __init__(self) -> None:
        super().__init__(_("That is not your password."))


class LastSuperuser(AccountError):
    def __init__(self) -> None:
        super().__init__(
            _(
                "You are the only administrator left. Make somebody else one first, "
                "or nobody could look after this site."
            )
        )
