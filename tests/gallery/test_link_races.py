"""Many open one link at once: the limit of views holds to the view, on both databases."""

import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from gallery import links
from gallery.models import ShareLink
from tests import factories
from tests.gallery import shared

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


def together(count: int, act: Any) -> Counter[str]:
    """What came of as many calls at once."""
    start, counted = threading.Barrier(count), Counter[str]()

    def work() -> None:
        start.wait()
        try:
            counted[str(act())] += 1
        except Exception as error:
            counted[type(error).__name__] += 1
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counted


def test_fifty_opens_of_ten_views_are_ten_views() -> None:
    link = shared.link(factories.person(), views_max=10)

    counted = together(50, lambda: shared.unlock(Client(), link).status_code)

    assert counted == {"302": 10, "404": 40}
    assert ShareLink.objects.get(pk=link.pk).views == 10


def test_nobody_opens_what_is_revoked_meanwhile() -> None:
    link = shared.link(factories.person(), views_max=1_000)
    resolved = links.resolve(shared.token(link), links.Visitor(), now=timezone.now())

    links.revoke(link, now=timezone.now())

    with pytest.raises(links.Gone):
        links.open_for(resolved, now=timezone.now())
    assert ShareLink.objects.get(pk=link.pk).views == 0


def test_views_without_a_limit_are_all_counted() -> None:
    link = shared.link(factories.person())

    counted = together(20, lambda: Client().get(shared.path(link)).status_code)

    assert counted == {"200": 20}
    assert ShareLink.objects.get(pk=link.pk).views == 20


def test_a_copy_that_many_ask_for_at_once_is_there_for_all() -> None:
    owner = factories.person()
    image = shared.image(owner)
    address = shared.paths(shared.link(owner, image), image)["1280"]

    counted = together(8, lambda: Client().get(address).status_code)

    assert counted == {"200": 8}
    assert image.original.renditions.filter(size=1280).count() == 1
