"""Where a request comes from: nobody's word counts but a trusted proxy's."""

from ipaddress import ip_network

import pytest
from allauth.account.adapter import get_adapter
from django.test import RequestFactory

from accounts.addresses import NO_ADDRESS, client_address, counted_address

PROXIES = ["10.0.0.0/8", "fd00::/8"]
CLIENT = "203.0.113.9"


def asking(peer: str, forwarded: str | None):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "address"),
    [
        # Nobody is trusted: whatever is written, by whomever.
        ([], "198.51.100.1", None, "198.51.100.1"),
        ([], "198.51.100.1", CLIENT, "198.51.100.1"),
        ([], "10.0.0.1", CLIENT, "10.0.0.1"),
        ([], "", CLIENT, NO_ADDRESS),
        # A stranger who comes past the proxy is not believed.
        (PROXIES, "198.51.100.1", CLIENT, "198.51.100.1"),
        (PROXIES, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        # A proxy is, for the one whom it heard, whatever that one wrote.
        (PROXIES, "10.0.0.1", CLIENT, CLIENT),
        (PROXIES, "10.0.0.1", f"6.6.6.6, {CLIENT}", CLIENT),
        (PROXIES, "10.0.0.1", f"10.6.6.6, {CLIENT}", CLIENT),
        (PROXIES, "10.0.0.1", f"6.6.6.6,{CLIENT}, 10.0.0.2 ,10.0.0.3", CLIENT),
        (PROXIES, "10.0.0.1", "x" * 8000 + f",{CLIENT}", CLIENT),
        (PROXIES, "fd00::1", CLIENT, CLIENT),
        (PROXIES, "::ffff:10.0.0.1", f"::ffff:{CLIENT}", CLIENT),
        # One that says nothing, or nonsense.
        (PROXIES, "10.0.0.1", None, "10.0.0.1"),
        (PROXIES, "10.0.0.1", "10.0.0.2", "10.0.0.2"),
        (PROXIES, "10.0.0.1", "nonsense", NO_ADDRESS),
        (PROXIES, "10.0.0.1", f"{CLIENT}, nonsense", NO_ADDRESS),
        (PROXIES, "10.0.0.1", f"{CLIENT},", NO_ADDRESS),
        # A Unix socket has no address; it is believed where that is said.
        (PROXIES, "", CLIENT, NO_ADDRESS),
        (["unix"], "", CLIENT, CLIENT),
        (["unix"], "", f"6.6.6.6, {CLIENT}", CLIENT),
        (["unix"], "198.51.100.1", CLIENT, "198.51.100.1"),
        (["unix"], "nonsense", CLIENT, NO_ADDRESS),
    ],
)
def test_only_trusted_proxies_say_who_the_client_is(settings, trusted, peer, forwarded, address):
    settings.TRUSTED_PROXIES = [
        text if text == "unix" else ip_network(text, strict=True) for text in trusted
    ]
    request = asking(peer, forwarded)
    assert client_address(request) == address
    assert get_adapter().get_client_ip(request) == address


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_all_addresses_of_a_household_count_as_one(address, counted):
    assert counted_address(asking(address, None)) == counted
