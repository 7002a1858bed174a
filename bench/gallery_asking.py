"""What a person asks the gallery, a hundred different ways of each kind, and how long the server takes.

A process of its own for each database: `python -m bench.gallery_asking` prints one JSON object.
"""

import gc
import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

REQUESTS = int(os.environ.get("GALLERY_REQUESTS", "120"))
PAGE = 48
DEEP = 10_000
Ask = Callable[[], Any]
# Places in the vocabulary and among the tags by use, of what is common, middling and rare.
COMMON, MIDDLING, RARE = (5, 25), (150, 400), (3_000, 4_500)


class Asking:
    """Draws requests of each kind, for people who have many pictures, some, and few."""

    def __init__(self) -> None:
        from accounts.models import User
        from gallery.models import Tag
        from gallery.seeding import vocabulary

        self.dice = random.Random(11)
        people = list(User.objects.filter(email__endswith="@made-up.easel.test").order_by("pk"))
        self.people = people[:3] + people[20:23] + people[120:123]
        self.words = vocabulary.words(5_000)
        self.tags = list(Tag.objects.filter(uses__gt=0).order_by("-uses").values_list("key", flat=True))
        self.clients = {user.pk: _client(user) for user in self.people}

    def word(self, among: tuple[int, int]) -> str:
        return self.words[self.dice.randrange(*among)]

    def tag(self, among: tuple[int, int]) -> str:
        first, last = (min(place, len(self.tags)) for place in among)
        return self.tags[self.dice.randrange(min(first, last - 1), last)]

    def kinds(self) -> dict[str, Callable[[], list[tuple[str, str]]]]:
        """The queries of addresses, by what they are called in the table."""
        shows = {name: ("show", name) for name in ("team", "everyone", "all")}
        return {
            "page, mine": lambda: [self._place()],
            **{f"page, {name}": lambda show=show: [show, self._place()] for name, show in shows.items()},  # type: ignore[misc]
            "one common tag": lambda: [shows["all"], ("tag", self.tag(COMMON))],
            "one middling tag": lambda: [shows["all"], ("tag", self.tag(MIDDLING))],
            "one rare tag": lambda: [shows["all"], ("tag", self.tag(RARE))],
            "all of two tags": lambda: [shows["all"], ("tag", self.tag((0, 5))), ("tag", self.tag(MIDDLING))],
            "any of two tags": lambda: [
                shows["all"], ("tag", self.tag(MIDDLING)), ("tag", self.tag(RARE)), ("any", "1"),
            ],
            "two common words": lambda: [shows["all"], self._text(COMMON, COMMON)],
            "common and rare word": lambda: [shows["all"], self._text(COMMON, RARE)],
            "two rare words": lambda: [shows["all"], self._text(RARE, RARE)],
            "two words, mine": lambda: [self._text(COMMON, MIDDLING)],
            "two middling words": lambda: [shows["all"], self._text(MIDDLING, MIDDLING)],
            "two words by rank": lambda: [shows["all"], self._text(COMMON, MIDDLING), ("sort", "best")],
            "two common by rank": lambda: [shows["all"], self._text(COMMON, COMMON), ("sort", "best")],
            "a colour": lambda: [shows["all"], ("colour", self._colour()), ("close", self._closeness())],
        }  # fmt: skip

    def _text(self, *among: tuple[int, int]) -> tuple[str, str]:
        return "q", " ".join(self.word(one) for one in among)

    def _place(self) -> tuple[str, str]:
        return "before", str(self.dice.randrange(1, _newest() + 2))

    def _colour(self) -> str:
        from gallery.search import colours

        return self.dice.choice([*colours.SWATCHES, colours.MANY, f"#{self.dice.randrange(1 << 24):06x}"])

    def _closeness(self) -> str:
        return self.dice.choice(["close", "similar", "loose"])


def rows() -> list[dict[str, Any]]:
    """A row for each kind."""
    asking = Asking()
    people = itertools.cycle(asking.people)
    table = []
    for name, query in asking.kinds().items():
        asked = [(next(people), "/gallery/?" + urlencode(query())) for _ in range(REQUESTS)]
        table.append(_row(name, [_page(asking.clients[user.pk], path) for user, path in asked]))
    table += _deep(asking)
    table += [_row(name, asks) for name, asks in _by_one(asking).items()]
    return table


def _page(client: Any, path: str) -> Ask:
    def ask() -> None:
        answer = client.get(path)
        assert answer.status_code == 200, (answer.status_code, path)

    return ask


def _deep(asking: Asking) -> list[dict[str, Any]]:
    """The first page beside the deepest one up to the 10,000th, of who sees most, taking turns."""
    from gallery import browsing
    from gallery.browsing import Walk
    from gallery.search import engine

    user = asking.people[0]
    seen = engine.newest(browsing.wanted(user, Walk(scope="all")), size=DEEP * PAGE)
    pages = len(seen) // PAGE
    place = seen[(pages - 1) * PAGE - 1]
    client = asking.clients[user.pk]
    first = [_page(client, f"/gallery/?show=all&before={seen[n] + 1}") for n in range(REQUESTS)]
    deep = [_page(client, f"/gallery/?show=all&before={place + n}") for n in range(REQUESTS)]
    taken: tuple[list[tuple[float, int]], list[tuple[float, int]]] = ([], [])
    for pair in zip(first, deep, strict=True):
        for ask, times in zip(pair, taken, strict=True):
            times.append(_timed(ask))
    seconds = [[one for one, _ in times] for times in taken]
    queries = [[number for _, number in times] for times in taken]
    ratio = statistics.median(seconds[1]) / statistics.median(seconds[0])
    return [
        _figures("page, all, first", seconds[0], queries[0]) | {"of the first": 1.0},
        _figures(f"page, all, {pages:,}th", seconds[1], queries[1]) | {"of the first": ratio},
    ]


def _by_one(asking: Asking) -> dict[str, list[Ask]]:
    """Similar pictures, and “we already have this”, of pictures of people's own."""
    from gallery import already, similar
    from gallery.models import Image

    similars: list[Ask] = []
    drafts: list[Ask] = []
    for user, _ in zip(itertools.cycle(asking.people), range(REQUESTS), strict=False):
        image = Image.objects.filter(owner=user, pk__gte=asking.dice.randrange(_newest())).first()
        image = image or Image.objects.filter(owner=user).first()
        image = Image.objects.select_related("original").get(pk=image.pk)
        similars.append(lambda user=user, image=image: similar.similar(user, image))  # type: ignore[misc]
        drafts.append(lambda user=user, text=image.prompt: already.find(user, text))  # type: ignore[misc]
    return {"similar pictures": similars, "we already have this": drafts}


def _row(name: str, asks: list[Ask]) -> dict[str, Any]:
    asks[0]()
    taken, queries = zip(*(_timed(ask) for ask in asks), strict=True)
    return _figures(name, list(taken), list(queries))


def _figures(name: str, taken: list[float], queries: list[int]) -> dict[str, Any]:
    return {
        "asked": name,
        "p50 ms": statistics.median(taken) * 1000,
        "p95 ms": statistics.quantiles(taken, n=20)[-1] * 1000,
        "slowest ms": max(taken) * 1000,
        "queries": f"{min(queries)}-{max(queries)}" if min(queries) != max(queries) else str(max(queries)),
    }


def _timed(ask: Ask) -> tuple[float, int]:
    from django.db import connection

    count = 0

    def counted(execute: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*arguments)

    with connection.execute_wrapper(counted):
        began = time.perf_counter()
        ask()
        return time.perf_counter() - began, count


def _newest() -> int:
    from gallery.models import Image

    newest: int = Image.objects.order_by("-pk").values_list("pk", flat=True)[0]
    return newest


def _client(user: Any) -> Any:
    from django.test import Client

    client = Client()
    client.force_login(user)
    client.get("/gallery/")  # sets up the middleware, which a server does once
    return client


def _facts() -> dict[str, Any]:
    from accounts.models import User
    from gallery.models import Image

    user = User.objects.get(email="person1@made-up.easel.test")
    cookies = {name: morsel.value for name, morsel in _client(user).cookies.items()}
    return {"images": Image.objects.count(), "cookies": cookies, "user": user.pk, "newest": _newest()}


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    # As `config.serving` does.
    gc.collect()
    gc.freeze()
    table = rows() if "--facts" not in sys.argv else []
    print(json.dumps({"rows": table, **_facts()}))


if __name__ == "__main__":
    main()
