"""API door to reports: a program tells what its reader found wrong."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.fields import TextField, WholeNumberField
from accounts.models import User
from accounts.requests import ReaderApiRequest
from accounts.selectors import public_profile
from accounts.throttling import ReaderThrottle, ReportThrottle
from catalog.models import Book
from catalog.selectors import visible_books
from moderation.errors import AlreadyReported, CannotReport
from moderation.forms import reasons_for
from moderation.models import Report
from moderation.services import report

_MAX_ID = 2**63 - 1


class ReportInput(serializers.Serializer):
    """Of a book by its id, or of a reader's public profile by its name: one of the two."""

    book = WholeNumberField(min_value=1, max_value=_MAX_ID, required=False)
    profile = TextField(max_length=150, required=False)
    reason = serializers.ChoiceField(
        choices=[(reason.value, reason.value) for reason in Report.Reason],
        help_text="`wrong` and `duplicate` are for books, `spam` is for profiles.",
    )
    text = TextField(
        max_length=Report.MAX_TEXT,
        required=False,
        allow_blank=True,
        default="",
        help_text="In the reader's words; needed with `other`.",
    )

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if ("book" in fields) == ("profile" in fields):
            raise ValidationError({"book": ["Name a book or a profile, one of the two."]})
        return fields


class ReportOutput(serializers.Serializer):
    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class ReportedAlready(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "reported_already"


class ReportsView(APIView):
    throttle_classes = (ReaderThrottle, ReportThrottle)
    request: ReaderApiRequest

    @extend_schema(
        operation_id="report",
        request=ReportInput,
        responses={
            201: ReportOutput,
            (404, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="There is no such book, or no such public profile."
            ),
            (409, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="You reported it, and nobody looked at it yet."
            ),
        },
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Tell those who look after the site that something is wrong with a book or a profile.

        Who reports is never told to whom it is about.
        """
        form = ReportInput(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        of = _thing(request, fields)
        if fields["reason"] not in reasons_for(of):
            raise ValidationError({"reason": ["This is no reason for such a report."]})
        try:
            made = report(
                reporter=request.user, of=of, reason=fields["reason"], text=fields["text"]
            )
        except CannotReport as error:
            raise ValidationError({"text": [str(error)]}) from error
        except AlreadyReported as error:
            raise ReportedAlready(str(error)) from error
        return Response(
            {"id": made.pk, "created_at": made.created_at},
            status=status.HTTP_201_CREATED,
            headers={"Cache-Control": "private, no-store"},
        )


def _thing(request: Request, fields: dict[str, Any]) -> Book | User:
    if "book" in fields:
        book = visible_books().filter(pk=fields["book"]).first()
        if book is None:
            raise NotFound("There is no such book.")
        return book
    owner = public_profile(fields["profile"], request.user)
    if owner is None:
        raise NotFound("There is no such reader, or their profile is private.")
    if owner.pk == request.user.pk:
        raise ValidationError({"profile": ["This is your own profile."]})
    return owner
