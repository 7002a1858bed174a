"""Counts that the database itself keeps: storage used by a person, uses of a tag, size of a collection.

Triggers keep them, so that no writer can forget; and an image that is deleted leaves the search index by one.
SQLite renames no table that a trigger speaks of, so a migration that rebuilds one of these tables begins with
`remove`; `install` runs after every `migrate`.
"""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True)
class Tally:
    """What else happens when a row of a table is inserted, deleted or changed.

    `at_once` is the same for all rows of a statement, on PostgreSQL: a count that is changed ten thousand
    times in a transaction leaves as many dead rows to be walked over each time.
    """

    table: str
    event: str
    statement: str
    at_once: str = ""


def _comes(size: str, images: int) -> str:
    return f"""
    INSERT INTO gallery_storageuse (user_id, used_bytes, images) VALUES (NEW.owner_id, {size}, {images})
      ON CONFLICT (user_id) DO UPDATE SET
        used_bytes = gallery_storageuse.used_bytes + {size}, images = gallery_storageuse.images + {images};"""


def _goes(size: str, images: int) -> str:
    return f"""
    UPDATE gallery_storageuse SET used_bytes = used_bytes - {size}, images = images - {images}
      WHERE user_id = OLD.owner_id;"""


def _counts(table: str, key: str, event: str) -> Tally:
    """A count in the row that a row of the table refers to."""
    step, row = ("+", "NEW") if event == "INSERT" else ("-", "OLD")
    counted, of = {
        "gallery_imagetag": ("uses", "gallery_tag"),
        "gallery_collectionitem": ("size", "gallery_collection"),
    }[table]
    return Tally(
        table,
        event,
        f"UPDATE {of} SET {counted} = {counted} {step} 1 WHERE id = {row}.{key};",
        at_once=f"""
    UPDATE {of} SET {counted} = {counted} {step} changed.number
      FROM (SELECT {key}, COUNT(*) AS number FROM changed_rows GROUP BY {key} ORDER BY {key}) changed
      WHERE id = changed.{key};""",
    )


# Nothing where the original went first, as when all tables are emptied.
_UPLOAD_SIZE = "COALESCE((SELECT size_bytes FROM gallery_original WHERE id = {row}.original_id), 0)"
TALLIES = {
    "tally_image_comes": Tally("gallery_image", "INSERT", _comes("NEW.size_bytes", 1)),
    "tally_image_goes": Tally(
        "gallery_image",
        "DELETE",
        _goes("OLD.size_bytes", 1) + "\n    DELETE FROM gallery_search WHERE {key} = OLD.id;",
    ),
    "tally_upload_comes": Tally("gallery_upload", "INSERT", _comes(_UPLOAD_SIZE.format(row="NEW"), 0)),
    "tally_upload_goes": Tally("gallery_upload", "DELETE", _goes(_UPLOAD_SIZE.format(row="OLD"), 0)),
    "tally_tag_comes": _counts("gallery_imagetag", "tag_id", "INSERT"),
    "tally_tag_goes": _counts("gallery_imagetag", "tag_id", "DELETE"),
    "tally_item_comes": _counts("gallery_collectionitem", "collection_id", "INSERT"),
    "tally_item_goes": _counts("gallery_collectionitem", "collection_id", "DELETE"),
}
_KEY = {"postgresql": "id", "sqlite": "rowid"}
_ROWS = {"INSERT": "NEW", "DELETE": "OLD"}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, replacing those of before, unless they are there just so."""
    there = set(connection.introspection.table_names())
    wanted = {name: tally for name, tally in TALLIES.items() if tally.table in there}
    if "gallery_storageuse" not in there or _found(connection) == {
        name: _body(connection, tally) for name, tally in wanted.items()
    }:
        return
    remove(connection)
    with connection.cursor() as cursor:
        for name, tally in wanted.items():
            for statement in _statements(connection, name, tally):
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: before a migration that rebuilds a table of theirs."""
    with connection.cursor() as cursor:
        for name in _found(connection):
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP FUNCTION {name}() CASCADE")
            else:
                cursor.execute(f"DROP TRIGGER {name}")


_RECOUNTS = (
    "DELETE FROM gallery_storageuse WHERE quota_bytes IS NULL",
    """
    INSERT INTO gallery_storageuse (user_id, used_bytes, images)
      SELECT owner_id, SUM(size_bytes), SUM(images) FROM (
        SELECT owner_id, size_bytes, 1 AS images FROM gallery_image
        UNION ALL
        SELECT u.owner_id, o.size_bytes, 0
          FROM gallery_upload u JOIN gallery_original o ON o.id = u.original_id
      ) kept GROUP BY owner_id
      ON CONFLICT (user_id) DO UPDATE SET used_bytes = excluded.used_bytes, images = excluded.images
    """,
    """
    UPDATE gallery_tag SET uses =
      (SELECT COUNT(*) FROM gallery_imagetag t WHERE t.tag_id = gallery_tag.id)
    """,
    """
    UPDATE gallery_collection SET size =
      (SELECT COUNT(*) FROM gallery_collectionitem i WHERE i.collection_id = gallery_collection.id)
    """,
)


def recount(connection: BaseDatabaseWrapper) -> None:
    """Count everything anew from the rows: after many were written without triggers."""
    with connection.cursor() as cursor:
        for statement in _RECOUNTS:
            cursor.execute(statement)


def _statements(connection: BaseDatabaseWrapper, name: str, tally: Tally) -> tuple[str, ...]:
    body = _body(connection, tally)
    if connection.vendor == "sqlite":
        return (f"CREATE TRIGGER {name} AFTER {tally.event} ON {tally.table} BEGIN{body}END",)
    each = "FOR EACH ROW"
    if tally.at_once:
        each = f"REFERENCING {_ROWS[tally.event]} TABLE AS changed_rows FOR EACH STATEMENT"
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
        f"CREATE TRIGGER {name} AFTER {tally.event} ON {tally.table} {each} EXECUTE FUNCTION {name}()",
    )


def _body(connection: BaseDatabaseWrapper, tally: Tally) -> str:
    statement = tally.statement.replace("{key}", _KEY[connection.vendor])
    if connection.vendor == "sqlite":
        return f" {statement} "
    return f" BEGIN {tally.at_once or statement} RETURN NULL; END "


def _found(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The bodies of the triggers of ours that are in the database, by name."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT t.tgname, f.prosrc FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid"
                " WHERE NOT t.tgisinternal AND t.tgname LIKE 'tally%'"
            )
            return dict(cursor.fetchall())
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tally%'")
        found = cursor.fetchall()
    return {name: sql.partition(" BEGIN")[2].removesuffix("END") for name, sql in found}
