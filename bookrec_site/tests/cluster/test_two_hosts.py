"""What is said to one host holds on the other with the next request."""

import re

import pytest

from bookrec_site.tests.cluster.asking import ask, rate, ten
from bookrec_site.tests.cluster.site import PASSWORD, STRANGERS_PER_HOUR, Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_a_rating_on_one_host_changes_the_next_list_of_the_other(cluster: Cluster) -> None:
    first, second = (host.url for host in cluster.hosts)
    alice = cluster.signed_up("alice")
    for book in cluster.books()[:5]:
        rate(first, alice, book)
    before = ten(second, alice)
    assert before == ten(first, alice) == ten(cluster.url, alice)
    rate(first, alice, before[0])
    after = ten(second, alice)
    assert before[0] not in after
    assert after == ten(first, alice)
    ask("DELETE", f"{second}/api/v1/books/{before[0]}/rating/", alice, status=204)
    assert ten(first, alice) == before


def test_who_logs_in_on_one_host_is_known_on_the_other_until_they_leave(cluster: Cluster) -> None:
    first, second = (host.url for host in cluster.hosts)
    cluster.signed_up("bob")
    form = ask("GET", f"{first}/account/login/", {})
    logged_in = ask(
        "POST",
        f"{first}/account/login/",
        {"Cookie": f"csrftoken={form.cookies['csrftoken']}"},
        status=302,
        data={
            "login": "bob",
            "password": PASSWORD,
            "csrfmiddlewaretoken": form.cookies["csrftoken"],
        },
    )
    cookies = {"Cookie": f"sessionid={logged_in.cookies['sessionid']}"}
    for url in (first, second, cluster.url):
        assert ">bob<" in re.sub(r"\s", "", ask("GET", f"{url}/account/", cookies).text)
    token = logged_in.cookies["csrftoken"]
    ask(
        "POST",
        f"{second}/account/logout/",
        {"Cookie": f"{cookies['Cookie']}; csrftoken={token}"},
        status=302,
        data={"csrfmiddlewaretoken": token},
    )
    for url in (first, second, cluster.url):
        assert "/login/" in ask("GET", f"{url}/account/", cookies, status=302).headers["Location"]


def test_a_token_that_is_revoked_on_one_host_ends_on_the_other(cluster: Cluster) -> None:
    first, second = (host.url for host in cluster.hosts)
    bob = cluster.signed_up("bobs_program")
    [token] = ask("GET", f"{second}/api/v1/tokens/", bob).json()["results"]
    ask("DELETE", f"{first}/api/v1/tokens/{token['id']}/", bob, status=204)
    ask("GET", f"{second}/api/v1/recommendations/", bob, status=401)


def test_a_limit_used_up_on_one_host_is_used_up_on_the_other(cluster: Cluster) -> None:
    """Strangers are counted by their address, whichever way they come."""
    first, second = (host.url for host in cluster.hosts)
    stranger, other = cluster.address(1), cluster.address(2)
    book = f"/api/v1/books/{cluster.books()[0]}/"
    for number in range(STRANGERS_PER_HOUR):
        # What it says of itself is not believed, behind nginx neither.
        lie = {"X-Forwarded-For": f"198.51.100.{number}"}
        ask("GET", f"{(first, cluster.url)[number % 2]}{book}", lie, source=stranger)
    for url in (first, second, cluster.url):
        refused = ask("GET", f"{url}{book}", {}, source=stranger, status=429)
        assert 0 < int(refused.headers["Retry-After"]) <= 3600
        assert refused.headers["Content-Type"] == "application/problem+json"
        ask("GET", f"{url}{book}", {"X-Forwarded-For": stranger}, source=other)


def test_both_hosts_give_the_same_etag_and_know_each_others(cluster: Cluster) -> None:
    first, second = (host.url for host in cluster.hosts)
    # As nginx says it: addresses in an answer are those of the site.
    charlie = cluster.signed_up("charlie") | {"Host": cluster.url.removeprefix("http://")}
    book = cluster.books()[0]
    for path in (f"/api/v1/books/{book}/", "/api/v1/books/popular/", "/api/v1/genres/"):
        for coding in ("identity", "gzip"):
            asked = charlie | {"Accept-Encoding": coding}
            one, two = (ask("GET", f"{url}{path}", asked) for url in (first, second))
            assert one.headers["ETag"] == two.headers["ETag"]
            assert one.json() == two.json()
            known = asked | {"If-None-Match": one.headers["ETag"]}
            assert ask("GET", f"{second}{path}", known, status=304).content == b""


def test_a_book_that_is_hidden_is_found_on_neither_host(cluster: Cluster) -> None:
    """Each process searches an index of its own."""
    charlie = cluster.signed_up("charlie_again")
    book, title = cluster.rows("SELECT id, title FROM catalog_book ORDER BY id DESC LIMIT 1")[0]

    def found(url: str) -> bool:
        answer = ask("GET", f"{url}/api/v1/books/", charlie, params={"search": title})
        return book in [found["id"] for found in answer.json()["results"]]

    for hidden in (False, True, False):
        cluster.rows("UPDATE catalog_book SET is_hidden = %s WHERE id = %s", hidden, book)
        for host in cluster.hosts:
            assert found(host.url) is not hidden
