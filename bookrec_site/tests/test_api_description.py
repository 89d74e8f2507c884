"""The API says truly what it does, and shows it on pages that come from this site alone."""

import json
import re

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client, override_settings
from playwright.sync_api import Browser, Route
from rest_framework.test import APIClient

SCHEMA = "/api/v1/schema/"
# What comes as a file.
FILES = {
    "/api/v1/imports/{import_id}/to-put-right.csv": "text/csv",
    "/api/v1/export/bookrec.zip": "application/zip",
    "/api/v1/export/goodreads_library_export.csv": "text/csv",
}
PAGES = ["/api/v1/swagger/", "/api/v1/redoc/"]


def test_the_description_is_valid_and_complete(tmp_path) -> None:
    # drf-spectacular warns of what it had to guess.
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "api.yml"))


def test_the_description_comes_as_json_or_yaml_and_once(client: Client) -> None:
    answer = client.get(SCHEMA)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    document = answer.json()
    assert document["openapi"].startswith("3.")
    assert yaml.safe_load(client.get(SCHEMA, {"format": "yaml"}).content) == document
    again = client.get(SCHEMA, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_operation_names_its_problems(client: Client) -> None:
    paths = client.get(SCHEMA).json()["paths"]
    operations = [(path, one) for path, methods in paths.items() for one in methods.values()]
    assert operations
    for path, operation in operations:
        answers = operation["responses"]
        assert {"400", "406", "429", "503"} <= set(answers), operation["operationId"]
        assert {"413", "415"} <= set(answers) or "requestBody" not in operation
        for status, answer in answers.items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]
            elif status not in ("204", "304", "308"):
                assert list(answer["content"]) == [FILES.get(path, "application/json")]
        assert "Retry-After" in answers["429"]["headers"]
    assert "401" in paths["/api/v1/recommendations/"]["get"]["responses"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_nobody_else_and_its_policy_is_loosened_for_styles_alone(
    client: Client, page: str
) -> None:
    answer = client.get(page)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert re.findall(r"https?://", html) == []
    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    policy = dict(
        part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in policy["script-src"]
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["img-src"] == "'self' data:"


@pytest.mark.parametrize("page", [SCHEMA, *PAGES])
def test_what_a_page_does_not_do_is_a_problem_document(client: Client, page: str) -> None:
    for answer, status in (
        (client.post(page), 405),
        (client.get(page, headers={"Accept": "image/png"}), 406),
    ):
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"
        assert json.loads(answer.content)["status"] == status


@pytest.mark.parametrize(
    "query", ["lang=%00", "lang=../../x", "version=%00", "script=&lang=de", "format=x"]
)
@pytest.mark.parametrize("page", [SCHEMA, *PAGES])
def test_no_parameter_breaks_a_page(client: Client, page: str, query: str) -> None:
    assert client.get(f"{page}?{query}").status_code in (200, 404)


ORIGIN = "https://books.example"


def test_no_other_site_may_read_the_api_unless_it_is_listed(client: Client) -> None:
    answer = client.get(SCHEMA, headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in answer
    with override_settings(CORS_ALLOWED_ORIGINS=[ORIGIN]):
        answer = client.get(SCHEMA, headers={"Origin": ORIGIN})
        assert answer["Access-Control-Allow-Origin"] == ORIGIN
        # Without it a browser sends no cookie of ours.
        assert "Access-Control-Allow-Credentials" not in answer
        asked = client.options(
            "/api/v1/books/1/rating/",
            headers={"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"},
        )
        assert asked.status_code == 200
        assert "PUT" in asked["Access-Control-Allow-Methods"]
        allowed = asked["Access-Control-Allow-Headers"].split(", ")
        assert {"authorization", "idempotency-key", "if-none-match"} <= set(allowed)
        told = answer["Access-Control-Expose-Headers"].split(", ")
        assert {"ETag", "Link", "Content-Disposition", "X-Request-ID"} <= set(told)
        other = client.get(SCHEMA, headers={"Origin": "https://books.example.evil"})
        assert "Access-Control-Allow-Origin" not in other
        page = client.get("/robots.txt", headers={"Origin": ORIGIN})
        assert "Access-Control-Allow-Origin" not in page


@pytest.mark.django_db
def test_a_body_that_is_too_long_is_a_problem_document() -> None:
    answer = APIClient().post("/api/v1/auth/token/", {"username": "x" * 3_000_000}, format="json")
    assert answer.status_code == 413
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("page", "shown"),
    [(PAGES[0], "#operations-auth-create_token"), (PAGES[1], "#operation\\/create_token")],
)
def test_a_browser_shows_the_page_under_its_policy(browser: Browser, page: str, shown: str) -> None:
    """The site answers the browser's requests here as Django would, and nobody else answers any."""
    complaints, strangers = [], []

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix("https://site.test")
        if path.startswith("/static/"):
            route.fulfill(path=finders.find(path.removeprefix("/static/").partition("?")[0]))
        elif path.startswith("/api/"):
            found = Client().get(path)
            route.fulfill(status=found.status_code, body=found.content, headers=dict(found.items()))
        else:
            strangers.append(route.request.url)
            route.abort()

    context = browser.new_context()
    tab = context.new_page()
    tab.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.route("**/*", answer)
    tab.goto(f"https://site.test{page}", wait_until="networkidle")
    tab.locator(shown).first.wait_for()
    context.close()
    # Redoc's own badge is the one thing that it would fetch elsewhere; the policy says no.
    assert [text for text in complaints if "cdn.redoc.ly" not in text] == []
    assert strangers == []
