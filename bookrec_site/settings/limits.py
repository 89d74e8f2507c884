"""How often one may ask, and which proxies are believed for whom they ask."""

import ipaddress
import re
from ipaddress import IPv4Network, IPv6Network

from environs import EnvError

from bookrec_site.settings.env import env

# Scope of a throttle (accounts.throttling) -> its rate when the environment names none.
_RATES = {
    "anonymous": "120/min",
    "reader": "1200/min",
    "token": "600/min",
    "costly": "60/min",
    "login": "20/min",
    "signup": "20/hour",
    "search": "600/min",
    "events": "240/min",
    "report": "20/hour",
}
_RATE = r"[1-9][0-9]{0,8}/(s|sec|second|m|min|minute|h|hour|d|day)"


def throttle_rates() -> dict[str, str]:
    """Return the rate of each scope: THROTTLE_LOGIN=20/min is that of "login".

    Who lets readers ask oftener means their tokens too, unless THROTTLE_TOKEN says otherwise.
    """
    own = env.str("THROTTLE_READER", default="")
    defaults = _RATES | ({"token": own} if own else {})
    return {scope: _rate(f"THROTTLE_{scope.upper()}", rate) for scope, rate in defaults.items()}


def _rate(name: str, default: str) -> str:
    rate = env.str(name, default=default)
    if not re.fullmatch(_RATE, rate):
        raise EnvError(f'{name} is "{rate}"; it must be a rate such as {default}.')
    return rate


def trusted_proxies() -> list[IPv4Network | IPv6Network | str]:
    """Return the networks in TRUSTED_PROXIES, and "unix" for whoever asks by a Unix socket."""
    listed: list[str] = env.list("TRUSTED_PROXIES", default=[])
    return [_proxy(text.strip()) for text in listed]


def _proxy(text: str) -> IPv4Network | IPv6Network | str:
    if text == "unix":
        return text
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise EnvError(
            f'TRUSTED_PROXIES holds "{text}"; it must be a list of addresses or networks such as '
            '127.0.0.1,10.0.0.0/8, or "unix".'
        ) from error
