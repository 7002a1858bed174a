"""The index: one row for each picture that isn't in the trash, with the words and marks it is found by.

Whoever changes what is in it calls `write` in the same transaction. On PostgreSQL a table with a `tsvector`,
on SQLite an FTS5 table; both keyed by the image's id, so that the newest come first of themselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.rows import Statement, id_of
from gallery.models import Image, ImageSource, ImageTag
from gallery.search import marks, vocabulary
from gallery.search.words import words

TABLE = "gallery_search"
_POSITION_MAX = 16_383
"""PostgreSQL's limit of a lexeme's position; words beyond it are found, phrases there are not."""
_BATCH = 500


@dataclass(frozen=True)
class Entry:
    """What one picture is found by: words in their order, and marks."""

    pk: int
    title: Sequence[str]
    prompt: Sequence[str]
    notes: Sequence[str]
    marks: Sequence[str]


def entry_of(image: Image, *, tags: Iterable[int] = (), sources: Iterable[int] = ()) -> Entry:
    """The image's entry. `tags` are ids of its tags, `sources` of the originals it was made from."""
    return Entry(
        image.pk,
        words(image.title),
        words(image.prompt),
        words(image.notes),
        marks.of(image, tags=tags, sources=sources),
    )


def adding(image: Image, *, tags: Iterable[int] = (), sources: Iterable[int] = ()) -> Statement:
    """Writes a new image's entry; for `rows.send` after its row, when it need not have its id yet."""
    _, *texts = _as_row(entry_of(image, tags=tags, sources=sources))
    itself, known_by = id_of(image, "public_id")
    return _INSERT[connection.vendor].replace("%s", itself, 1), [*known_by, *texts]


def write(image_ids: Iterable[int]) -> None:
    """Bring the entries of these images up to date with their rows; who is in the trash has none."""
    ids = sorted(set(image_ids))
    for start in range(0, len(ids), _BATCH):
        _write_batch(ids[start : start + _BATCH])


def remove(image_ids: Iterable[int]) -> None:
    """Take away the entries of these images."""
    ids = sorted(set(image_ids))
    with connection.cursor() as cursor:
        for start in range(0, len(ids), _BATCH):
            some = ids[start : start + _BATCH]
            places = ", ".join(["%s"] * len(some))
            cursor.execute(f"DELETE FROM {TABLE} WHERE {_KEY[connection.vendor]} IN ({places})", some)


def write_entries(entries: Sequence[Entry], *, is_new: bool = False) -> None:
    """Write entries as they are. Those of the same ids are replaced, unless they are known to be new."""
    if not is_new:
        remove(entry.pk for entry in entries)
    rows = [_as_row(entry) for entry in entries]
    with connection.cursor() as cursor:
        if len(rows) == 1:
            cursor.execute(_INSERT[connection.vendor], rows[0])
        else:
            cursor.executemany(_INSERT[connection.vendor], rows)


def tsvector(entry: Entry) -> str:
    """An entry as the text of a `tsvector`: words with their places, then marks without."""
    places: dict[str, list[int]] = defaultdict(list)
    start = 0
    for text in (entry.title, entry.prompt, entry.notes):
        for place, word in enumerate(text, start=start + 1):
            if place <= _POSITION_MAX:
                places[word].append(place)
        # A gap, so that no phrase goes on from one text into the next.
        start += len(text) + 10
    lexemes = [f"'{word}':{','.join(map(str, at[:255]))}" for word, at in places.items()]
    return " ".join([*lexemes, *(f"'{mark}'" for mark in entry.marks)])


def _as_row(entry: Entry) -> tuple[Any, ...]:
    if connection.vendor == "postgresql":
        return entry.pk, tsvector(entry)
    texts = (entry.title, entry.prompt, entry.notes, entry.marks)
    return (entry.pk, *(" ".join(text) for text in texts))


def _write_batch(ids: Sequence[int]) -> None:
    # Locked first: what is read after that, nobody changes until this is written.
    locked = Image.objects.select_for_update(of=("self",), no_key=True).select_related("original")
    images = list(locked.filter(pk__in=ids, trashed_at=None).order_by("pk"))
    tags: dict[int, list[int]] = defaultdict(list)
    for image_id, tag_id in ImageTag.objects.filter(image__in=ids).values_list("image_id", "tag_id"):
        tags[image_id].append(tag_id)
    sources: dict[int, list[int]] = defaultdict(list)
    given = ImageSource.objects.filter(image__in=ids).values_list("image_id", "original_id")
    for image_id, original_id in given:
        sources[image_id].append(original_id)
    remove(ids)
    entries = [entry_of(image, tags=tags[image.pk], sources=sources[image.pk]) for image in images]
    write_entries(entries, is_new=True)


_KEY = {"postgresql": "id", "sqlite": "rowid"}
_INSERT = {
    "postgresql": f"INSERT INTO {TABLE} (id, document) VALUES (%s, %s::tsvector)",
    "sqlite": f"INSERT INTO {TABLE} (rowid, title, prompt, notes, marks) VALUES (%s, %s, %s, %s, %s)",
}
_LOOKUP = f"CREATE INDEX gallery_search_document ON {TABLE} USING gin (document)"
# Words are letters and digits with one space between them, which is all that `ascii` has to know.
_CREATE = {
    "postgresql": (
        f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, document tsvector NOT NULL)",
        f"ALTER TABLE {TABLE} ALTER document SET STATISTICS 1000",
        _LOOKUP,
        *vocabulary.CREATE,
    ),
    "sqlite": (f"CREATE VIRTUAL TABLE {TABLE} USING fts5(title, prompt, notes, marks, tokenize = 'ascii')",),
}


def create(connection: BaseDatabaseWrapper) -> None:
    """Make the index's table; for the migration."""
    with connection.cursor() as cursor:
        for statement in _CREATE[connection.vendor]:
            cursor.execute(statement)


def drop(connection: BaseDatabaseWrapper) -> None:
    """Take the index's table away; for the migration."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")
        for statement in vocabulary.DROP if connection.vendor == "postgresql" else ():
            cursor.execute(statement)


def drop_lookup(connection: BaseDatabaseWrapper) -> None:
    """Take away what entries are looked up by, before many are written; FTS5 has it in one with them."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS gallery_search_document")


def create_lookup(connection: BaseDatabaseWrapper) -> None:
    """Make it anew from the entries that are there."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET maintenance_work_mem = '256MB'")
            cursor.execute(_LOOKUP)
            cursor.execute("RESET maintenance_work_mem")
