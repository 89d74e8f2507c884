"""Pages of the model console; the admin wraps them, so that only staff gets here."""

import logging
from typing import Any, Final

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from recommender.console.comparing import figures_beside, lists_beside, same_readers
from recommender.console.drawings import curves_chart
from recommender.console.forms import CompareForm, LookForm
from recommender.console.looking import look_as, look_with
from recommender.console.online_page import PERIODS, online_page
from recommender.console.run_charts import cold_start_curve
from recommender.errors import NotPossible
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)

VIEW_RUNS: Final = "recommender.view_trainingrun"
LOOK: Final = "recommender.look_as_reader"


@never_cache
@require_safe
def compare(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show two runs side by side: figures, curves, and the lists of chosen readers."""
    _need(request, VIEW_RUNS)
    may_look = request.user.has_perm(LOOK)
    form = CompareForm(request.GET or None, may_look=may_look)
    context: dict[str, Any] = {"form": form, "title": "Compare two runs"}
    if form.is_valid():
        first, second = form.cleaned_data["first"], form.cleaned_data["second"]
        readers = form.cleaned_data.get("readers", [])
        context |= {
            "first": first,
            "second": second,
            "figures": figures_beside(first, second),
            "same_readers": same_readers(first, second),
            "chart": curves_chart(
                "NDCG@10 of newcomers",
                [cold_start_curve(run) for run in (first, second)],
                x_name="ratings known",
            ),
        }
        if readers:
            _note_looks(request, [reader.pk for reader in readers])
            try:
                context["lists"] = lists_beside(first, second, readers)
            except NotPossible as error:
                form.add_error(None, str(error))
    return _page(request, site, "compare", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def look(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the list of a reader, or of stars, with scores, contributions and the ladder.

    The page's own form is posted: stars for two hundred books fit into no address.
    """
    _need(request, LOOK)
    form = LookForm(request.POST if request.method == "POST" else request.GET or None)
    context: dict[str, Any] = {"form": form, "title": "Through a reader’s eyes"}
    if form.is_valid():
        reader = form.cleaned_data["reader"]
        if reader is not None:
            _note_looks(request, [reader.pk])
        seen = look_as(reader) if reader is not None else look_with(form.opinions())
        context |= {"reader": reader, "look": seen}
    return _page(request, site, "look", context, status=400 if form.errors else 200)


@never_cache
@require_safe
def online(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show what readers did with the lists of each run and surface."""
    _need(request, VIEW_RUNS)
    known = {str(days): days for days in PERIODS}
    days = known.get(request.GET.get("days", ""), PERIODS[1])
    context = {
        "title": "Lists and readers",
        "page": online_page(days),
        "periods": PERIODS,
        "chosen": days,
    }
    return _page(request, site, "online", context, status=200)


def _need(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _note_looks(request: HttpRequest, reader_ids: list[int]) -> None:
    """Log whose opinions were looked at, and by whom: they are private."""
    logger.info("%s looked through the eyes of readers %s", request.user.pk, reader_ids)


def _page(
    request: HttpRequest, site: AdminSite, name: str, context: dict[str, Any], *, status: int
) -> HttpResponse:
    return TemplateResponse(
        request,
        f"admin/recommender/console/{name}.html",
        site.each_context(request) | {"opts": TrainingRun._meta} | context,
        status=status,
    )
