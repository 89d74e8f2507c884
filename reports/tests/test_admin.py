"""Who may have a report made and read it, and how it is handed out."""

import gzip

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory, staff
from reports import services
from reports.models import Report

pytestmark = pytest.mark.django_db

OVERVIEW = reverse("admin:reports_report_changelist")
MAKE = reverse("admin:reports_report_make")
HTML = b"<!doctype html><title>What the data says</title>"


@pytest.fixture
def olga(client) -> User:
    """An operator."""
    user = staff("view_report", "add_report", username="olga")
    client.force_login(user)
    return user


@pytest.fixture
def sent(monkeypatch) -> list[list[int]]:
    messages: list[list[int]] = []
    monkeypatch.setattr(services.current_app, "send_task", lambda name, args: messages.append(args))
    return messages


@pytest.fixture
def ready() -> Report:
    return Report.objects.create(
        status="ready",
        content=gzip.compress(HTML),
        finished_at=timezone.now(),
        seconds=12.3,
        n_figures=21,
        n_bytes=len(HTML),
    )


def read(report: Report) -> str:
    return reverse("admin:reports_report_read", args=[report.pk])


def test_an_operator_asks_and_the_worker_is_told_after_the_commit(
    client, olga, sent, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(MAKE)
        assert sent == []
    report = Report.objects.get()
    assert (report.status, report.requested_by) == ("queued", olga)
    assert sent == [[report.pk]]
    assert answer.url == OVERVIEW
    html = client.get(OVERVIEW).content.decode()
    assert f"Report {report.pk} is queued" in html
    # The page looks again by itself while there is something to wait for.
    assert 'http-equiv="refresh"' in html


def test_a_queued_one_is_sent_again_and_a_second_is_not_made_beside_one_being_made(
    client, olga, sent, django_capture_on_commit_callbacks
) -> None:
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            client.post(MAKE)
    report = Report.objects.get()
    assert sent == [[report.pk]] * 2
    Report.objects.update(status="making", started_at=timezone.now())
    client.post(MAKE)
    assert "A report is being made" in client.get(OVERVIEW).content.decode()
    assert Report.objects.count() == 1


def test_asking_is_a_post(client, olga, sent) -> None:
    answer = client.get(MAKE)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert not Report.objects.exists()


def test_a_report_is_a_page_without_scripts_and_a_file(client, olga, ready) -> None:
    page = client.get(read(ready))
    assert page.content == HTML
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert {"private", "no-store"} <= set(page["Cache-Control"].split(", "))
    assert "Content-Disposition" not in page
    download = client.get(f"{read(ready)}?download")
    assert download["Content-Disposition"] == (
        f'attachment; filename="bookrec-report-{ready.pk}.html"'
    )
    assert download.content == HTML


def test_one_that_is_not_ready_is_not_found(client, olga) -> None:
    assert client.get(read(Report.objects.create())).status_code == 404
    assert client.get(reverse("admin:reports_report_read", args=[10**6])).status_code == 404


def test_the_list_names_them_all_and_loads_none(
    client, olga, ready, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(12) as asked:
        html = client.get(OVERVIEW).content.decode()
    assert read(ready) in html
    assert "12.3 s" in html
    assert not any('"content"' in query["sql"] for query in asked.captured_queries)


@pytest.mark.parametrize(
    ("permissions", "may_read"), [((), False), (("view_report",), True), (("add_report",), False)]
)
def test_staff_may_do_what_is_permitted(client, sent, ready, permissions, may_read) -> None:
    client.force_login(staff(*permissions, username="sam"))
    assert client.get(read(ready)).status_code == (200 if may_read else 403)
    may_make = "add_report" in permissions
    assert client.post(MAKE).status_code == (302 if may_make else 403)
    assert Report.objects.filter(status="queued").exists() == may_make
    if may_read:
        assert "Make a report" not in client.get(OVERVIEW).content.decode()


def test_readers_and_strangers_are_sent_to_the_log_in(client, sent, ready) -> None:
    for reader in (None, UserFactory(username="bob")):
        if reader:
            client.force_login(reader)
        for answer in (client.get(read(ready)), client.post(MAKE), client.get(OVERVIEW)):
            assert answer.status_code == 302
            assert "/login/" in answer.url
    assert Report.objects.count() == 1


def test_forged_requests_are_refused(olga) -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(olga)
    assert client.post(MAKE).status_code == 403
    assert not Report.objects.exists()
