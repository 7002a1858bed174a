"""`Prefer: wait=N` (RFC 7240): holding an answer until the work is done, so that a script needs no loop."""

import re
import time

from django.db import connection

from generation.models import Generation

SECONDS_MAX = 60
POLL_SECONDS = 0.3
_WAIT = re.compile(r"wait=([0-9]{1,9})", re.ASCII)


def preferred_seconds(header: str) -> int | None:
    """The seconds a `Prefer` header asks to wait, at most 60; None when it doesn't ask."""
    for preference in header.replace(";", ",").split(","):
        if asked := _WAIT.fullmatch(preference.strip().lower()):
            return min(int(asked[1]), SECONDS_MAX)
    return None


def until_finished(generation: Generation, *, seconds: float) -> bool:
    """Wait up to that long for its end; answers whether it has ended."""
    ends = time.monotonic() + seconds
    while not _has_ended(generation):
        left = ends - time.monotonic()
        if left <= 0:
            return False
        # Many may wait, and each would else hold a connection that a worker could use.
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(min(POLL_SECONDS, left))
    return True


def _has_ended(generation: Generation) -> bool:
    return Generation.objects.filter(pk=generation.pk, status__in=Generation.TERMINAL).exists()
