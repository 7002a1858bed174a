"""Filling the index anew from the images' rows: after an upgrade, or by `manage.py rebuild_search`."""

from collections.abc import Iterator

from django.db import connection, transaction

from gallery import likeness
from gallery.models import Image, Original
from gallery.search import index

BATCH = 500


def fill_if_empty() -> None:
    """Fill the index where there are images and no entries: it has just been made."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {index.TABLE} LIMIT 1")
        if cursor.fetchone():
            return
    if Image.objects.kept().exists():
        for _ in rebuild():
            pass


def rebuild(*, after: int = 0) -> Iterator[int]:
    """Write every entry anew, a few hundred in a transaction; gives the last id done after each.

    `after` is the last id of a run that was stopped. Facts of originals that older releases didn't work out
    are worked out on the way.
    """
    _describe_originals()
    while True:
        images = Image.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
        ids = list(images[:BATCH])
        if not ids:
            return
        with transaction.atomic():
            index.write(ids)
        after = ids[-1]
        yield after


def _describe_originals() -> None:
    while True:
        plain = list(Original.objects.filter(difference_hash=None).order_by("pk")[:BATCH])
        if not plain:
            return
        for original in plain:
            signature = bytes(original.signature)
            original.palette = [list(one) for one in likeness.palette(signature)]
            original.difference_hash = likeness.signed(likeness.difference_hash(signature))
        Original.objects.bulk_update(plain, ["palette", "difference_hash"])
