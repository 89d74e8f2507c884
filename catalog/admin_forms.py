"""Forms of the administration: plain texts for what a book has several of."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from catalog.curation.book_values import clean_isbn, clean_values, read_values
from catalog.curation.books import book_with_isbn, hold_isbns
from catalog.curation.boosts import check_boost
from catalog.goodbooks.titles import parse_title
from catalog.models import Book, Boost, EditorialList, Genre, Source

FIELDS = (
    "title",
    "original_title",
    "publication_year",
    "language",
    "isbn13",
    "isbn10",
    "cover_url",
    "description",
    "is_hidden",
)
_TIMES = ("starts_at", "ends_at")


def places_from_text(text: str) -> list[list[str]]:
    """Read series as a title names them, one a line: "Discworld #4" is ["Discworld", "4"]."""
    places = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        found = parse_title(f"A ({line})").places if "#" in line else ()
        if found:
            places += [[place.series, place.label] for place in found]
        else:
            name, _, label = line.partition("#")
            places.append([name.strip(), label.strip()])
    return places


def text_of_places(places: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"{name} #{label}" if label else name for name, label in places)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class MeanwhileForm(forms.ModelForm):
    """A form of a row that others may change while somebody has it open.

    What the page showed comes back with it: only what was changed on the page counts as changed,
    and what somebody else has changed too since is refused.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name, field in self.fields.items():
                field.show_hidden_initial = name != "reason"

    def refuse_changed_meanwhile(self) -> None:
        """Add an error to each field that was changed here and, since the page came, elsewhere."""
        for name in self.changed_data:
            field, shown = self.fields[name], self[name].html_initial_name
            seen = field.hidden_widget().value_from_datadict(self.data, self.files, shown)
            if not field.show_hidden_initial or shown not in self.data:
                continue
            if isinstance(seen, str):
                seen = seen.replace("\r\n", "\n")
            now = self.get_initial_for_field(field, name)
            if field.has_changed(now, seen):
                self.add_error(
                    name, "Somebody has changed this since you opened the page: open it anew."
                )


class BookForm(MeanwhileForm):
    """A book's values; what came out of it is `changed_values`, written by a service."""

    authors_text = forms.CharField(
        label="Authors", widget=forms.Textarea({"rows": 3}), help_text="One a line, in their order."
    )
    series_text = forms.CharField(
        label="Series",
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text="One a line, the main one first: “Discworld #4”, “Death #1-3”, “Dune Universe”.",
    )
    genre_choices = forms.MultipleChoiceField(
        label="Genres",
        required=False,
        widget=forms.SelectMultiple({"size": 8}),
        help_text="At most five. Those of an imported book come from its tags until they are "
        "changed here.",
    )
    tags_text = forms.CharField(
        label="Tags",
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="One a line. What recommends a book that nobody has rated yet.",
    )
    # With hyphens they are longer than they are stored.
    isbn13 = forms.CharField(label="ISBN-13", required=False, max_length=30)
    isbn10 = forms.CharField(label="ISBN-10", required=False, max_length=30)
    reason = forms.CharField(max_length=300, required=False, help_text="For the history: why?")

    class Meta:
        model = Book
        fields = FIELDS
        widgets = {"title": forms.TextInput({"class": "vTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "genre_choices" in self.fields:
            genres = Genre.objects.order_by("name").values_list("slug", "name")
            self.fields["genre_choices"].choices = list(genres)  # type: ignore[attr-defined]
        if self.instance.source != Source.SITE:
            # Of an imported book, readers' shelves say which tags it has.
            self.fields.pop("tags_text", None)
        self.present: dict[str, Any] = {}
        if self.instance.pk:
            names = ["authors", "series", "genres"]
            names += ["tags"] if "tags_text" in self.fields else []
            self.present = read_values(self.instance, names)
            self.initial = {
                **self.initial,
                "authors_text": "\n".join(self.present["authors"]),
                "series_text": text_of_places(self.present["series"]),
                "genre_choices": self.present["genres"],
                "tags_text": "\n".join(self.present.get("tags", ())),
            }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        # Names of the services' values, with the field that each is typed into.
        typed: dict[str, tuple[str, Any]] = {name: (name, data.get(name)) for name in FIELDS}
        typed["authors"] = ("authors_text", _lines(data.get("authors_text") or ""))
        typed["series"] = ("series_text", places_from_text(data.get("series_text") or ""))
        typed["genres"] = ("genre_choices", self._in_order(data.get("genre_choices") or []))
        if "tags_text" in self.fields:
            typed["tags"] = ("tags_text", _lines(data.get("tags_text") or ""))
        asked = {n: v for n, (field, v) in typed.items() if field in self.changed_data}
        self.changed_values: dict[str, Any] = {}
        try:
            self.changed_values = clean_values(asked)
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                self.add_error(typed[name][0], texts)
        self.refuse_changed_meanwhile()
        for name in ("isbn13", "isbn10"):
            self._refuse_taken(name, self.changed_values.get(name))
        return data

    def _refuse_taken(self, field: str, isbn: str | None) -> None:
        if not isbn:
            return
        # Until the form is saved, in the same transaction.
        hold_isbns()
        if other := book_with_isbn(isbn, but=self.instance.pk):
            self.add_error(field, f"Book {other.pk}, “{other.title}”, has this ISBN.")

    def _in_order(self, slugs: Sequence[str]) -> list[str]:
        """Return the genres with those that the book has first, in their order."""
        present = [slug for slug in self.present.get("genres", ()) if slug in slugs]
        return [*present, *(slug for slug in slugs if slug not in present)]


class NewBookForm(BookForm):
    """A book that is in no data set; one ISBN gives both its forms."""

    isbn = forms.CharField(label="ISBN", required=False, help_text="With 10 or 13 digits.")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        try:
            self._refuse_taken("isbn", clean_isbn(data.get("isbn")))
        except ValidationError as error:
            self.add_error("isbn", error.messages)
        self.new_values = {**self.changed_values, "isbn": data.get("isbn") or ""}
        self.new_values.pop("isbn13", None)
        self.new_values.pop("isbn10", None)
        return data


class CoverForm(forms.Form):
    cover = forms.FileField(help_text="JPEG, PNG, WebP or GIF, at most 5 MB, 100 × 150 or more.")
    reason = forms.CharField(max_length=300, required=False, help_text="For the history: why?")


class ListForm(MeanwhileForm):
    """The values of an editorial list; its books are rows of their own."""

    class Meta:
        model = EditorialList
        fields = ("title", "text", "title_de", "text_de", *_TIMES, "is_pinned", "place")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        starts_at, ends_at = (data.get(name) for name in _TIMES)
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "The end comes after the beginning.")
        self.refuse_changed_meanwhile()
        return data


class BoostForm(forms.ModelForm):
    class Meta:
        model = Boost
        fields = ("book", "direction", "reason", "starts_at", "ends_at")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            check_boost(
                data["book"].pk,
                data["direction"],
                reason=data["reason"],
                starts_at=data["starts_at"],
                ends_at=data["ends_at"],
            )
        return data
