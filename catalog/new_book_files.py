"""New books from a small CSV file, by django-import-export: a preview, then the same again."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from import_export import resources
from import_export.fields import Field
from import_export.forms import ImportForm
from import_export.results import Error
from import_export.tmp_storages import CacheStorage

from catalog.admin_forms import places_from_text
from catalog.curation.books import add_book
from catalog.curation.errors import CurationError
from catalog.models import Book

MAX_ROWS, MAX_BYTES = 500, 500_000
# What several of stand in one cell are parted by.
_SEVERAL = ";"
COLUMNS = {
    "title": "title",
    "authors": "authors",
    "isbn": "isbn",
    "publication_year": "publication_year",
    "language": "language",
    "series": "series",
    "genres": "genres",
    "tags": "tags",
    "original_title": "original_title",
    "description": "description",
}


class FileInCache(CacheStorage):
    """Between the preview and its confirmation: in Redis, under a random name.

    So no file of the machine can be named by who confirms. The cache keeps JSON, no bytes.
    """

    def save(self, data: bytes) -> None:
        super().save(b64encode(data).decode("ascii"))

    def read(self) -> bytes:
        """Return the file; an empty one when it is kept no more, which names no column."""
        return b64decode(super().read() or "")


class SmallFileForm(ImportForm):
    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size:,} bytes; at most {MAX_BYTES:,} are taken. "
                "Larger ones are for manage.py import_goodbooks."
            )
        return file


def values_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a new book as `add_book` takes them."""

    def cell(name: str) -> str:
        return str(row.get(name) or "").strip()

    def several(name: str) -> list[str]:
        return [part.strip() for part in cell(name).split(_SEVERAL) if part.strip()]

    plain = ("title", "isbn", "publication_year", "language", "original_title", "description")
    return {
        **{name: cell(name) for name in plain},
        "authors": several("authors"),
        "series": places_from_text("\n".join(several("series"))),
        "genres": several("genres"),
        "tags": several("tags"),
    }


class ErrorInWords(Error):
    """Why a file is refused, for a curator: nothing of the program's insides."""

    traceback = ""


class NewBookResource(resources.ModelResource):
    """A row is a new book; the preview adds it too, and takes it back."""

    class Meta:
        model = Book
        fields = ("title", "publication_year", "language", "original_title", "description")
        import_id_fields: tuple[str, ...] = ()
        store_instance = True
        use_transactions = True
        rollback_on_validation_errors = True

    def get_error_result_class(self) -> type[Error]:
        return ErrorInWords

    def get_user_visible_fields(self) -> list[Field]:
        """Name the columns of a file on its page, not those of the table."""
        return [Field(column_name=name) for name in COLUMNS]

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        self.user = kwargs.get("user")
        if refused := _refusal(list(dataset.headers or ()), len(dataset)):
            # The rows that are left would be taken one by one all the same.
            dataset.wipe()
            raise CurationError(refused)

    def import_instance(self, instance: Book, row: Mapping[str, Any], **kwargs: Any) -> None:
        """Add the book; what is wrong is told by column, and its row is not taken."""
        added = add_book(values_of_row(row), by=self.user, reason="from a CSV file")
        for name in ("pk", *self._meta.fields):
            setattr(instance, name, getattr(added, name))

    def validate_instance(
        self,
        instance: Book,
        import_validation_errors: dict[str, Any] | None = None,
        validate_unique: bool = True,
    ) -> None:
        """Raise what the service found wrong, which is kept until here."""
        if import_validation_errors:
            raise ValidationError(import_validation_errors)

    def do_instance_save(self, instance: Book, is_create: bool) -> None:
        """Do nothing: the service has written it."""

    def save_m2m(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the service has written it."""


def _refusal(headers: list[str], n_rows: int) -> str:
    """Return what is wrong with a file as a whole; "" when its rows are worth a look."""
    if missing := {"title", "authors"} - set(headers):
        return f"There is no column {', '.join(sorted(missing))}."
    if unknown := [name for name in headers if name not in COLUMNS]:
        return f"There is no column {', '.join(unknown)}; these are: {', '.join(COLUMNS)}."
    if n_rows > MAX_ROWS:
        return f"These are {n_rows:,} rows; at most {MAX_ROWS} are taken at once."
    return ""
