"""The form of a report."""

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models import Book
from moderation.models import Report

_Reason = Report.Reason
# A name is no fact of the catalogue, and nobody is there twice.
BOOK_REASONS = (_Reason.WRONG, _Reason.DUPLICATE, _Reason.OFFENSIVE, _Reason.OTHER)
PROFILE_REASONS = (_Reason.OFFENSIVE, _Reason.SPAM, _Reason.OTHER)


def reasons_for(of: object) -> tuple[Report.Reason, ...]:
    """Return the reasons for which such a thing is reported."""
    return BOOK_REASONS if isinstance(of, Book) else PROFILE_REASONS


class ReportForm(forms.Form):
    reason = forms.ChoiceField(label=_("What is wrong?"), widget=forms.RadioSelect)
    text = forms.CharField(
        label=_("In your words"),
        required=False,
        max_length=Report.MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Not needed for most reasons. Only those who look after the site read it."),
    )

    def __init__(self, *args: object, of: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["reason"].choices = [  # type: ignore[attr-defined]
            (reason.value, reason.label) for reason in reasons_for(of)
        ]
