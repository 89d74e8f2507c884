"""What will go says so, in every answer and in the description."""

from datetime import date
from email.utils import parsedate_to_datetime

import pytest
from django.test import override_settings
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from accounts.deprecation import deprecated


class Answer(serializers.Serializer):
    said = serializers.CharField()


class Current(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="current", responses=Answer)
    def get(self, request) -> Response:
        return Response({"said": "yes"})


@deprecated(since=date(2026, 1, 1), sunset=date(2026, 7, 1), instead="/api/v2/thing/")
class Old(Current):
    @extend_schema(operation_id="old", responses=Answer)
    def get(self, request) -> Response:
        return Response({"said": "yes"})


class Strict(Old):
    """Only for readers: refuses in a test."""

    authentication_classes = ()
    permission_classes: tuple = ()

    def initial(self, request, *args, **kwargs) -> None:
        raise serializers.ValidationError({"q": ["This is wrong."]})


urlpatterns = [
    path("api/v1/thing/", Old.as_view()),
    path("api/v1/strict/", Strict.as_view()),
    path("api/v1/other/", Current.as_view()),
]
here = override_settings(ROOT_URLCONF=__name__)
# Worked out by hand: 20454 days of 86,400 seconds after 1970-01-01.
SINCE = f"@{20454 * 86_400}"


@here
@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/v1/thing/", 200),
        ("OPTIONS", "/api/v1/thing/", 200),
        ("POST", "/api/v1/thing/", 405),
        ("GET", "/api/v1/strict/", 400),
    ],
)
def test_every_answer_says_since_when_and_until_when(method, address, status) -> None:
    answer = APIClient().generic(method, address)
    assert answer.status_code == status
    assert answer["Deprecation"] == SINCE
    assert answer["Sunset"] == "Wed, 01 Jul 2026 00:00:00 GMT"
    assert parsedate_to_datetime(answer["Sunset"]).date() == date(2026, 7, 1)
    assert answer["Link"] == '</api/v2/thing/>; rel="successor-version"'


@here
def test_what_stays_says_nothing() -> None:
    answer = APIClient().get("/api/v1/other/")
    assert answer.status_code == 200
    assert not {"Deprecation", "Sunset", "Link"} & set(answer.headers)


@here
def test_the_description_marks_it_with_its_headers(monkeypatch) -> None:
    # What follows on what is said of the whole API.
    monkeypatch.setattr(spectacular_settings, "POSTPROCESSING_HOOKS", [])
    document = SchemaGenerator(patterns=[urlpatterns[0], urlpatterns[2]]).get_schema(
        request=None, public=True
    )
    validate_schema(document)
    old = document["paths"]["/api/v1/thing/"]["get"]
    assert old["deprecated"] is True
    assert old["operationId"] == "old"
    for status in ("200", "400"):
        assert {"Deprecation", "Sunset"} <= set(old["responses"][status]["headers"])
    current = document["paths"]["/api/v1/other/"]["get"]
    assert "deprecated" not in current
    assert "headers" not in current["responses"]["200"]


def test_less_notice_than_is_promised_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2026-06-29 is 179 days after 2026-01-01; at least 180"):
        deprecated(since=date(2026, 1, 1), sunset=date(2026, 6, 29))
    deprecated(since=date(2026, 1, 1), sunset=date(2026, 6, 30))


def test_without_a_successor_there_is_no_link() -> None:
    declare = deprecated(since=date(2026, 1, 1), sunset=date(2026, 7, 1))
    view = declare(type("Gone", (Current,), {})).as_view()
    answer = view(APIRequestFactory().get("/"))
    assert answer["Deprecation"] == SINCE
    assert "Link" not in answer
