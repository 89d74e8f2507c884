"""What operators ask the console."""

from typing import Any, Final

from django import forms
from django.db.models import Q

from accounts.models import User
from catalog.search import find_title
from catalog.selectors import visible_books
from ratings.opinions import Opinions
from recommender.models import TrainingRun

MAX_READERS: Final = 5
MAX_RATINGS: Final = 200
_SHOWN_RUNS: Final = 50


class CompareForm(forms.Form):
    """Two runs, and readers whose lists are shown by both."""

    first = forms.ModelChoiceField(TrainingRun.objects.none(), empty_label=None)
    second = forms.ModelChoiceField(TrainingRun.objects.none(), empty_label=None)
    readers = forms.CharField(
        required=False,
        max_length=1000,
        help_text=f"Usernames or e-mail addresses with commas between them, {MAX_READERS} at most.",
    )

    def __init__(self, *args: Any, may_look: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        measured = TrainingRun.objects.exclude(metrics={}).order_by("-pk")
        # A list of keys: a queryset that ends somewhere cannot be asked for one of its rows.
        lately = list(measured.values_list("pk", flat=True)[:_SHOWN_RUNS])
        for name in ("first", "second"):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
            field.queryset = measured.filter(pk__in=lately)
        if not may_look:
            del self.fields["readers"]

    def clean_readers(self) -> list[User]:
        """Return the readers in the order in which they are named."""
        names = [name.strip() for name in self.cleaned_data["readers"].split(",") if name.strip()]
        if len(names) > MAX_READERS:
            raise forms.ValidationError(f"{MAX_READERS} readers at most.")
        return [reader_named(name) for name in names]


class LookForm(forms.Form):
    """A reader, or stars that need not be anybody's."""

    reader = forms.CharField(
        required=False, max_length=254, help_text="A username or an e-mail address."
    )
    stars = forms.CharField(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": "Dune = 5\n42 = 3"}),
        help_text="Or a book a line, by title, ISBN or id: Dune = 5",
    )

    def clean_reader(self) -> User | None:
        name = self.cleaned_data["reader"].strip()
        return reader_named(name) if name else None

    def clean_stars(self) -> dict[int, int]:
        """Return stars by book id; what cannot be read is named by its line."""
        lines = [line.strip() for line in self.cleaned_data["stars"].splitlines()]
        stars: dict[int, int] = {}
        wrong: list[str] = []
        for line in filter(None, lines):
            title, sign, given = line.rpartition("=")
            if not sign or given.strip() not in {"1", "2", "3", "4", "5"}:
                wrong.append(f"“{line[:60]}” is no book with stars: Dune = 5.")
            elif (book_id := _book_named(title.strip())) is None:
                wrong.append(f"There is no book “{title.strip()[:60]}”.")
            else:
                stars[book_id] = int(given)
        if len(stars) > MAX_RATINGS:
            wrong.append(f"{MAX_RATINGS} books at most.")
        if wrong:
            raise forms.ValidationError(wrong)
        return stars

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if not self.errors and bool(cleaned.get("reader")) == bool(cleaned.get("stars")):
            raise forms.ValidationError("Name a reader, or give stars: one of the two.")
        return cleaned

    def opinions(self) -> Opinions:
        """Return what somebody with these stars thinks."""
        stars = self.cleaned_data["stars"]
        return Opinions(stars=dict(sorted(stars.items())), read=frozenset(stars))


def reader_named(name: str) -> User:
    """Return a reader by username or e-mail address, in any case.

    Raises
    ------
    ValidationError
        When there is none.
    """
    found = User.objects.filter(Q(username__iexact=name) | Q(email__iexact=name)).first()
    if found is None:
        raise forms.ValidationError(f"There is no reader “{name[:60]}”.")
    return found


def _book_named(text: str) -> int | None:
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return visible_books().filter(pk=int(text)).values_list("pk", flat=True).first()
    if not text:
        return None
    found = find_title(text)
    book = found.best_first(found.books).first()
    return None if book is None else book.pk
