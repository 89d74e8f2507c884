"""What the administration's lists have in common: rows that only services write, and questions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from catalog.curation.books import MAX_BOOKS_AT_ONCE
from catalog.curation.errors import CurationError

_NAMED = 12


class ToldInWords(admin.ModelAdmin):
    """A front door to services: what they refuse is a message, not an error of the site."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Let an address choose relations alone: Django fails where a time in one is none."""
        given = super().get_changeform_initial_data(request)
        chosen = self.get_autocomplete_fields(request)
        return {name: value for name, value in given.items() if name in chosen}

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form again with what only the database could tell was wrong.

        What is gone has no form any more: then the list.
        """
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect(request.get_full_path())
        except CurationError as error:
            messages.error(request, str(error))
            return redirect(f"admin:catalog_{self.opts.model_name}_changelist")


class RelationChoice(AutocompleteSelect):
    """Django's own, which asks the database for whatever was sent: here for numbers alone."""

    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> Any:
        numbers = [key for key in value if str(key).isascii() and str(key).isdecimal()]
        return super().optgroups(name, numbers, attr)


class ChosenRelations(BaseModelAdmin):
    """Relations among thousands of rows, found while somebody types."""

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = RelationChoice(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ReadOnly(admin.ModelAdmin):
    """Rows that only services write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=300, required=False, help_text="For the history: why?", strip=True
    )


def confirmed(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    chosen: QuerySet[Any],
    do: Callable[[list[int], Mapping[str, Any]], str],
    *,
    action: str,
    question: str,
    form_class: type[forms.Form] = ReasonForm,
) -> HttpResponse | None:
    """Ask before many rows are changed: how many, which, and what else has to be known.

    `do` gets the keys and the form's values, changes them, and says what came of it. `question`
    has `{n}` for their number.
    """
    keys = list(chosen.order_by("pk").values_list("pk", flat=True)[: MAX_BOOKS_AT_ONCE + 1])
    if len(keys) > MAX_BOOKS_AT_ONCE:
        text = f"More than {MAX_BOOKS_AT_ONCE:,} are chosen; change fewer at once."
        model_admin.message_user(request, text, messages.ERROR)
        return None
    is_sure = "confirmed" in request.POST
    form = form_class(request.POST if is_sure else None)
    if is_sure and form.is_valid():
        try:
            model_admin.message_user(request, do(keys, form.cleaned_data))
            return None
        except CurationError as error:
            form.add_error(None, str(error))
        except ValidationError as error:
            form.add_error(None, error.messages)
    return TemplateResponse(
        request,
        "admin/catalog/confirm.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": question.format(n=f"{len(keys):,}"),
            "form": form,
            "action": action,
            "keys": keys[:1] if request.POST.get("select_across") == "1" else keys,
            "select_across": request.POST.get("select_across", "0"),
            "named": list(chosen.order_by("pk")[:_NAMED]),
            "n_others": max(0, len(keys) - _NAMED),
        },
    )
