"""API door to events: what was shown, clicked and rated from lists."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.fields import as_whole_number
from accounts.models import User
from accounts.throttling import EventsThrottle
from ratings.api_parts import MAX_ID, PersonalView
from ratings.bulk_answers import RowAnswer, rows_answered, rows_sent
from recommender.feedback.list_ids import MAX_LENGTH
from recommender.feedback.page import wants_no_events
from recommender.feedback.recording import MAX_ROWS, Row, RowResult, record_events
from recommender.list_options import MAX_LENGTH as MAX_PLACES
from recommender.models import FeedbackEvent

_RESULTS = ("recorded", "known", "ignored")
_EXAMPLE = '{"list": "AQEB…", "event": "shown", "book": 1}'


class EventRow(serializers.Serializer):
    list = serializers.CharField(max_length=MAX_LENGTH, help_text="The id that came with the list.")
    event = serializers.ChoiceField(choices=FeedbackEvent.Kind.values)
    book = serializers.IntegerField(min_value=1)
    position = serializers.IntegerField(
        min_value=1, max_value=MAX_PLACES, required=False, help_text="Checked where it is given."
    )
    stars = serializers.IntegerField(
        min_value=1, max_value=5, required=False, help_text="Of what was rated, and only there."
    )


class EventsInput(serializers.Serializer):
    """For the documentation: rows are read one by one, so that a bad one spoils no other."""

    events = serializers.ListField(child=EventRow(), min_length=1, max_length=MAX_ROWS)


class EventResult(RowAnswer):
    result = serializers.ChoiceField(choices=[*_RESULTS, "error"])


class EventsAnswer(serializers.Serializer):
    recorded = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Recorded before: each event counts once.")
    ignored = serializers.IntegerField(
        help_text="Not recorded: the reader, or the browser by DNT or Sec-GPC, wants none."
    )
    failed = serializers.IntegerField()
    results = EventResult(many=True)


class EventsView(PersonalView):
    permission_classes = (AllowAny,)
    throttle_classes = (EventsThrottle,)

    @extend_schema(operation_id="send_events", request=EventsInput, responses={200: EventsAnswer})
    def post(self, request: Request) -> Response:
        """Say what became of the books of a list; each event counts once, however often it comes.

        A row that is wrong has the result "error" with a reason; the others are done. A list
        that was made for a reader is that reader's alone, any other is anybody's.
        """
        rows = [_row(row) for row in rows_sent(request.data, "events", MAX_ROWS, _EXAMPLE)]
        if wants_no_events(request.headers):
            results = [RowResult(row, "ignored") for row in rows]
        else:
            reader = request.user if isinstance(request.user, User) else None
            results = record_events(reader=reader, rows=rows)
        return Response(rows_answered(results, _RESULTS))


def _row(row: object) -> Row:
    if not isinstance(row, dict):
        return Row(reason=f"A row is an object like {_EXAMPLE}.")
    book_id = as_whole_number(row.get("book"))
    if book_id is None:
        return Row(reason="book is the id of a book, a whole number.")
    if not 1 <= book_id <= MAX_ID:
        return Row(reason="The book is not in this list.")
    list_id, kind = row.get("list"), row.get("event")
    if not isinstance(list_id, str) or len(list_id) > MAX_LENGTH:
        return Row(book_id=book_id, reason="list is the id of a list, a text.")
    if not isinstance(kind, str):
        return Row(book_id=book_id, reason="event is a text: shown, clicked or rated.")
    position, stars = as_whole_number(row.get("position")), as_whole_number(row.get("stars"))
    if position is None and row.get("position") is not None:
        return Row(book_id=book_id, reason="position is a whole number from 1.")
    if row.get("stars") is not None and (stars is None or not 1 <= stars <= 5):
        return Row(book_id=book_id, reason="stars is a whole number from 1 to 5.")
    return Row(list_id, kind, book_id, position, stars)
