"""Passwords of share links, asked for slowly.

Five tries an address and link, then a wait; nobody else is kept out by that. Wrong ones from anywhere make
the next answer of that link later, by seconds at most. What is counted is in the cache: where that is away
a try still costs what the hasher costs.
"""

import hashlib
import ipaddress
from datetime import datetime

from django.contrib.auth.hashers import check_password
from django.core.cache import cache

from gallery.models import ShareLink

TRIES = 5
WAIT_SECONDS = 300
WRONG_BEFORE_DELAY = 10
DELAY_STEP_SECONDS = 0.1
DELAY_MAX_SECONDS = 3.0
_WRONG_KEPT_SECONDS = 900
_IPV6_NETWORK = 64


class WrongPassword(Exception):
    """It doesn't match; `left` more tries are free."""

    def __init__(self, left: int) -> None:
        super().__init__(left)
        self.left = left


class MustWait(Exception):
    """Too many tries from this address; `seconds` until the next."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def check(link: ShareLink, given: str, *, address: str, now: datetime) -> None:
    """Whether the password is right. `address` is where the visitor calls from.

    :raises WrongPassword:
    :raises MustWait: without a look at the password.
    """
    key = _tries_key(link, address)
    # Counted before it is looked at, so that many at once are no way around.
    tries = _count(key, WAIT_SECONDS)
    cache.add(f"{key}:until", now.timestamp() + WAIT_SECONDS, WAIT_SECONDS)
    if tries > TRIES:
        until = cache.get(f"{key}:until") or now.timestamp() + WAIT_SECONDS
        raise MustWait(max(1, round(until - now.timestamp())))
    if not check_password(given, link.password):
        _count(_wrong_key(link.token_sha256), _WRONG_KEPT_SECONDS)
        raise WrongPassword(TRIES - tries)
    cache.delete(key)
    cache.delete(f"{key}:until")


def delay_seconds(token: str) -> float:
    """How long the next answer to a password waits, by how many were wrong lately, from anywhere."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    wrong = int(cache.get(_wrong_key(digest)) or 0)
    return min(DELAY_MAX_SECONDS, max(0, wrong - WRONG_BEFORE_DELAY) * DELAY_STEP_SECONDS)


def _count(key: str, kept_seconds: int) -> int:
    cache.add(key, 0, kept_seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # it ended just now, or the cache keeps nothing
        cache.set(key, 1, kept_seconds)
        return 1


def _tries_key(link: ShareLink, address: str) -> str:
    where = hashlib.sha256(_network(address).encode()).hexdigest()[:32]
    return f"share-tries:{link.pk}:{where}"


def _wrong_key(token_sha256: str) -> str:
    return f"share-wrong:{token_sha256}"


def _network(address: str) -> str:
    """An IPv6 address stands for its /64, of which one person has all."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
