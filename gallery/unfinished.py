"""What was begun in a request and is gone on with in the background; safe to run twice and side by side."""

import time
from datetime import datetime

from gallery import bulk, tags


def go_on(*, seconds: float = 60.0) -> bool:
    """Go on with acts on many pictures and with merged tags for so long; whether there was time for all."""
    until = time.monotonic() + seconds
    if not bulk.finish(seconds=seconds):
        return False
    return tags.finish_merges(seconds=max(0.0, until - time.monotonic()))


def tidy(*, now: datetime) -> int:
    """Forget acts that can't be undone any more; how many."""
    return bulk.prune(now=now)
