"""Where a request comes from; a proxy's word for it counts only where the proxy is trusted."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

# Stands for a client whose address is not known, as behind a Unix socket.
NO_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing is bound to it
# Names the peer of a Unix socket in TRUSTED_PROXIES: it has no address.
UNIX = "unix"
# So much of an IPv6 address names a household; it may take any of the addresses below.
_HOUSEHOLD = 64

_Address = IPv4Address | IPv6Address


def client_address(request: HttpRequest | Request) -> str:
    """Return the nearest address that is none of our own proxies; NO_ADDRESS when that is none.

    Each proxy appends whom it heard from, so the header is read from its end, and no further than
    `settings.TRUSTED_PROXIES` vouch for: what a client wrote into it is never reached.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    address = _parsed(peer)
    told = request.META.get("HTTP_X_FORWARDED_FOR", "")
    while told and _is_trusted(address, is_unix=not peer):
        told, _comma, last = told.rpartition(",")
        address, peer = _parsed(last), last
    return str(address) if address is not None else NO_ADDRESS


def counted_address(request: HttpRequest | Request) -> str:
    """Return what requests from there are counted by: all of a household's as one."""
    address = client_address(request)
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, _HOUSEHOLD), strict=False))


def _is_trusted(address: _Address | None, *, is_unix: bool) -> bool:
    if address is None:
        return is_unix and UNIX in settings.TRUSTED_PROXIES
    return any(
        address in network for network in settings.TRUSTED_PROXIES if not isinstance(network, str)
    )


def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    # ::ffff:192.0.2.1 is 192.0.2.1, as a server that listens on both is told.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
