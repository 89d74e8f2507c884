"""API doors to training runs, for staff: look, start, watch, cancel, activate, roll back."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.fields import SwitchField
from accounts.parameters import one_of, read_params
from accounts.requests import ReaderApiRequest
from accounts.throttling import CostlyThrottle, ReaderThrottle
from ratings.api_parts import NewestFirst
from ratings.polling import (
    ACCEPTED_PARAMETERS,
    NOT_MODIFIED,
    POLL_PARAMETERS,
    Conflict,
    PolledView,
    told_by,
)
from recommender.errors import NotPossible, TrainingUnderWay
from recommender.models import TrainingRun
from recommender.runs import cancel_run, request_run, rollback_run
from recommender.runs_api_answers import Run, RunInShort

_FILTERS = {"status": TrainingRun.Status.values, "kind": TrainingRun.Kind.values}
_FILTER_PARAMETERS = [
    OpenApiParameter(name, str, enum=values, description=f"Of this {name} only.")
    for name, values in _FILTERS.items()
]


class MayOperate(BasePermission):
    """Staff who may see runs; what changes one needs the permission to change them, as the admin.

    Read-only rows deny changes to everybody there; what is asked for is the permission itself.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        name = "view" if request.method in SAFE_METHODS else "change"
        user = request.user
        return bool(user.is_staff and user.has_perm(f"recommender.{name}_trainingrun"))


class StartInput(serializers.Serializer):
    kind = serializers.ChoiceField(
        choices=TrainingRun.Kind.choices, default=TrainingRun.Kind.FULL.value
    )
    force = SwitchField(
        default=False, help_text="Go live though it compares badly with the active run."
    )


class _RunsView(PolledView):
    permission_classes = (IsAuthenticated, MayOperate)
    # A stage reports when it has done a part; the worker's sign of life comes every three seconds.
    ask_again_in: ClassVar[int] = 3

    def told(self, run: TrainingRun) -> dict[str, Any]:
        return told_by(Run, run)

    def address(self, run: TrainingRun) -> str:
        return self.request.build_absolute_uri(reverse("api_run", args=[run.pk]))


@extend_schema_view(get=extend_schema(operation_id="list_runs", parameters=_FILTER_PARAMETERS))
class RunsView(_RunsView, ListAPIView):
    """Training runs, the latest first."""

    serializer_class = RunInShort
    pagination_class = NewestFirst
    queryset = TrainingRun.objects.none()
    may_conflict: ClassVar[bool] = True

    def get_queryset(self) -> Any:
        params = read_params(self.request, _FILTER_PARAMETERS)
        wanted = {
            name: value
            for name, values in _FILTERS.items()
            if (value := one_of(params, name, values)) is not None
        }
        return TrainingRun.objects.filter(**wanted).select_related("started_by")

    @extend_schema(
        operation_id="start_run",
        request=StartInput,
        parameters=ACCEPTED_PARAMETERS,
        responses={202: Run},
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Have a run worked at. Readers keep the active one until the new one has passed the gate.

        There is never a second one: 409 names the one that is under way.
        """
        form = StartInput(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            run = request_run(trigger="api", started_by=request.user, **form.validated_data)
        except TrainingUnderWay as error:
            raise self._conflict(error) from error
        # Its time of request is the database's.
        run.refresh_from_db()
        return self.taken_up(self.told(run), self.address(run))

    def _conflict(self, error: TrainingUnderWay) -> Conflict:
        if error.run is None:
            return Conflict(str(error))
        return Conflict(str(error), id=error.run.pk, address=self.address(error.run))


class RunView(_RunsView):
    @extend_schema(
        operation_id="get_run",
        parameters=POLL_PARAMETERS,
        responses={200: Run, **NOT_MODIFIED},
    )
    def get(self, request: ReaderApiRequest, run_id: int) -> Response:
        """A run with its figures, the gate's verdict and how far it is."""
        run = _run_or_404(run_id)
        return self.polled(request, self.told(run), is_under_way=run.is_under_way)


class CancelRunView(_RunsView):
    may_conflict: ClassVar[bool] = True

    @extend_schema(
        operation_id="cancel_run",
        request=None,
        parameters=ACCEPTED_PARAMETERS,
        responses={202: Run},
    )
    def post(self, request: ReaderApiRequest, run_id: int) -> Response:
        """Stop a run: one that waits at once, one that is worked at where it next reports."""
        _run_or_404(run_id)
        try:
            cancel_run(run_id, by=request.user.get_username())
        except NotPossible as error:
            raise Conflict(str(error)) from error
        run = _run_or_404(run_id)
        return self.taken_up(self.told(run), self.address(run), is_under_way=run.is_under_way)


class _LiveView(_RunsView):
    throttle_classes = (ReaderThrottle, CostlyThrottle)
    may_conflict: ClassVar[bool] = True

    def brought_back(self, request: ReaderApiRequest, run_id: int | None) -> Response:
        """Serve an earlier run again; every web process loads it within a moment."""
        try:
            run = rollback_run(run_id, by=request.user.get_username())
        except NotPossible as error:
            raise Conflict(str(error)) from error
        return Response(self.told(run))


class ActivateRunView(_LiveView):
    @extend_schema(operation_id="activate_run", request=None, responses=Run)
    def post(self, request: ReaderApiRequest, run_id: int) -> Response:
        """Serve a retired run again. Its files are compared with their checksums first."""
        return self.brought_back(request, _run_or_404(run_id).pk)


class RollbackView(_LiveView):
    @extend_schema(operation_id="roll_back", request=None, responses=Run)
    def post(self, request: ReaderApiRequest) -> Response:
        """Serve the run before the active one again, but none from which somebody went back."""
        return self.brought_back(request, None)


def _run_or_404(run_id: int) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.select_related("started_by"), pk=run_id)
