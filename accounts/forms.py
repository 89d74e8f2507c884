"""Forms of the account pages. Rules are in `accounts.services`; these say what people type."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.models import EmailAddress
from allauth.mfa.base import forms as mfa_forms
from allauth.mfa.totp import forms as totp_forms
from django import forms
from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.email_changes import request_change
from accounts.models import ApiToken, User
from accounts.selectors import active_reader_with_email, username_for_login
from accounts.services import sign_up

_LONGEST_EMAIL = EmailAddress._meta.get_field("email").max_length
PASSWORD_HELP = _("At least 8 characters, no common password, not only digits.")


class _Labelled(forms.Form):
    """allauth's forms repeat each label inside its field, too faint to read; ours do not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field, forms.EmailField):
                # allauth's own are longer than its column, and its page fails on them.
                field.validators.append(MaxLengthValidator(_LONGEST_EMAIL))
            if name == "password1":
                field.label = _("New password")
                field.help_text = PASSWORD_HELP
            if name == "password2":
                field.label = _("New password, again")


class LoginForm(_Labelled, allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Username or e-mail")
        self.fields["login"].widget.attrs.update(
            {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        )
        # The way to a new password is on the page, once.
        self.fields["password"].help_text = ""

    def user_credentials(self) -> dict[str, str]:
        name = username_for_login(User.normalize_username(self.cleaned_data["login"]))
        return {"username": name, "password": self.cleaned_data["password"]}


class SignUpForm(forms.Form):
    """What `accounts.services.sign_up` wants; that is where the rules are."""

    by_passkey = False  # allauth's view asks.

    username = forms.CharField(
        label=_("Username"),
        max_length=User._meta.get_field("username").max_length,
        help_text=_("Letters, digits and @ . + - _"),
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        label=_("E-mail"),
        help_text=_("Only for a lost password and news of your account. Nobody else sees it."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        help_text=PASSWORD_HELP,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def try_save(self, request: HttpRequest) -> tuple[User, None]:
        """Make the account.

        Raises
        ------
        ValidationError
            By field name, from `sign_up`.
        """
        return sign_up(**self.cleaned_data), None


class ChangeEmailForm(_Labelled, allauth_forms.AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New address")

    def save(self, request: HttpRequest) -> EmailAddress:
        """Let the address wait; see `request_change`, which may refuse it."""
        request_change(request, self.user, self.cleaned_data["email"])
        return EmailAddress.objects.get(user=self.user, email=self.cleaned_data["email"])


class ChangePasswordForm(_Labelled, allauth_forms.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Present password")


class SetPasswordForm(_Labelled, allauth_forms.SetPasswordForm):
    pass


class ResetPasswordForm(_Labelled, allauth_forms.ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")

    def clean_email(self) -> str:
        """Find whose address it is; the answer is the same when it is nobody's."""
        address: str = self.cleaned_data["email"]
        found = active_reader_with_email(address)
        self.users = [found] if found else []
        return address


class ResetPasswordKeyForm(_Labelled, allauth_forms.ResetPasswordKeyForm):
    pass


class ReauthenticateForm(_Labelled, allauth_forms.ReauthenticateForm):
    pass


class _Code(_Labelled):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}


class CodeForm(_Code, mfa_forms.AuthenticateForm):
    pass


class ReauthenticateCodeForm(_Code, mfa_forms.ReauthenticateForm):
    pass


class ActivateTotpForm(_Code, totp_forms.ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("Code from the app")
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class PrivacyForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("profile_is_public", "ratings_are_public", "shelves_are_public")
        labels = {
            "profile_is_public": _("My profile is public"),
            "ratings_are_public": _("My ratings are public"),
            "shelves_are_public": _("My shelves are public"),
        }
        help_texts = {
            "profile_is_public": _("Your name, and since when you have been here."),
            "ratings_are_public": _("The stars you gave, when you read, and your taste in books."),
            "shelves_are_public": _("What you want to read, are reading, and your own shelves."),
        }


class RecommendationsForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("wants_recommendations",)
        labels = {"wants_recommendations": _("Recommend books to me")}
        help_texts = {
            "wants_recommendations": _(
                "On: it is also counted which books of your lists you saw, opened and rated, to "
                "see whether the lists are good; here alone, and for 90 days. "
                "Off: no list is made from your ratings, on no page and not through the API, and "
                "nothing is counted. Your ratings stay."
            )
        }


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=ApiToken.NAME_LENGTH,
        help_text=_("What it is for, so that you know later which one to revoke."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        label=_("What it may do"),
        choices=ApiToken.Scope.choices,
        initial=ApiToken.Scope.READ,
        help_text=_("Read: lists, ratings, shelves. Write: change them, and your account."),
    )
    days = forms.IntegerField(
        label=_("Days that it lives"),
        min_value=1,
        max_value=settings.TOKEN_MAX_DAYS,
        initial=settings.TOKEN_DAYS,
    )


class DeleteAccountForm(forms.Form):
    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
