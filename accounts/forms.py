"""Forms of the log-in and sign-up pages."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from accounts.models import User
from accounts.selectors import username_for_login


class LoginForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "That name and password do not go together. Passwords are case-sensitive.",
    }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["username"].label = "Username or e-mail"

    def clean_username(self) -> str:
        return username_for_login(self.cleaned_data["username"])


class SignUpForm(forms.Form):
    """What `accounts.services.sign_up` wants; that is where the rules are."""

    username = forms.CharField(
        max_length=User._meta.get_field("username").max_length,
        help_text="Letters, digits and @ . + - _",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        label="E-mail",
        help_text="Only for a lost password. Nobody else sees it.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        max_length=128,
        strip=False,
        help_text="At least 8 characters, no common password, not only digits.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
