"""The texts of pictures that were found, to rank them by: one statement, however many they are."""

import json
from collections.abc import Sequence

from django.db import connection

from gallery.search.ranking import Candidate

_TAGS = """FROM gallery_imagetag it JOIN gallery_tag t ON t.id = it.tag_id
    WHERE it.image_id = i.id"""
TAGS = {
    "postgresql": f"ARRAY(SELECT t.name {_TAGS} ORDER BY it.id)",
    "sqlite": f"(SELECT json_group_array(name) FROM (SELECT t.name AS name {_TAGS} ORDER BY it.id))",  # noqa: S608
}
"""The names of the tags of the image `i`, as a list; SQLite gives it as JSON."""


def of(image_ids: Sequence[int]) -> list[Candidate]:
    """Of those of the images that are there."""
    if not image_ids:
        return []
    vendor = connection.vendor
    # Whole numbers of our own; the driver would take longer over hundreds of values than the database does.
    ids = ", ".join(str(int(pk)) for pk in image_ids)
    columns = f"i.id, i.title, i.prompt, i.notes, {TAGS[vendor]}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM gallery_image i WHERE i.id IN ({ids})")  # noqa: S608
        rows = cursor.fetchall()
    if vendor == "sqlite":
        rows = [(*texts, json.loads(tags)) for *texts, tags in rows]
    return [Candidate(*row) for row in rows]
