"""Threads that begin at the same moment, each with a connection of its own."""

import threading
from collections import Counter
from collections.abc import Callable

from django.db import connections

THREADS = 8


def at_once(act: Callable[[int], str]) -> Counter[str]:
    """What eight threads that begin together are told."""
    start, told = threading.Barrier(THREADS), []

    def run(number: int) -> None:
        try:
            start.wait()
            told.append(act(number))
        except Exception as error:
            told.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(told)
