"""Requests to one host or to the site, as a program sends them."""

from collections.abc import Mapping
from typing import Any

import requests

from bookrec_site.tests.front import session_from

TIMEOUT_SECONDS = 60


def ask(
    method: str,
    address: str,
    headers: Mapping[str, str],
    *,
    status: int | None = 200,
    source: str = "",
    **options: Any,
) -> requests.Response:
    """Send one request, from `source` where that is given; the answer has the status, if any."""
    with session_from(source) if source else requests.Session() as session:
        answer = session.request(
            method,
            address,
            headers=dict(headers),
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            **options,
        )
    if status is not None:
        assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    return answer


def rate(url: str, headers: Mapping[str, str], book: int, stars: int = 5) -> None:
    ask("PUT", f"{url}/api/v1/books/{book}/rating/", headers, json={"stars": stars})


def ten(url: str, headers: Mapping[str, str]) -> list[int]:
    """The books of the reader's list."""
    answer = ask("GET", f"{url}/api/v1/recommendations/?k=10", headers)
    return [item["book"]["id"] for item in answer.json()["results"]]
