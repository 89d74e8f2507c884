"""The page of operations in the admin."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bookrec_site.operations.alerts import alerts_now
from bookrec_site.operations.states import parts, queues

PERMISSION = "recommender.view_trainingrun"


@never_cache
@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """Show servers, beat, workers and queues, and what is wrong."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    states, why_none = queues()
    context = admin.site.each_context(request) | {
        "title": "Operations",
        "parts": parts(),
        "queues": states,
        "why_no_queues": why_none,
        "alerts": alerts_now(states if not why_none else None),
    }
    return TemplateResponse(request, "admin/operations/operations.html", context)
