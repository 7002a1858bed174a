"""Counts that the database itself keeps: storage used by a person, uses of a tag, size of a collection.

Triggers keep them, so that no writer can forget; and an image that is deleted leaves the search index by one.
SQLite renames no table that a trigger speaks of, so a migration that rebuilds one of these tables begins with
`remove`; `install` runs after every `migrate`.
"""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True)
class Tally:
    """What else happens when a row of a table is inserted, deleted or changed."""

    table: str
    event: str
    statement: str


def _comes(size: str, images: int) -> str:
    return f"""
    INSERT INTO gallery_storageuse (user_id, used_bytes, images) VALUES (NEW.owner_id, {size}, {images})
      ON CONFLICT (user_id) DO UPDATE SET
        used_bytes = gallery_storageuse.used_bytes + {size}, images = gallery_storageuse.images + {images};"""


def _goes(size: str, images: int) -> str:
    return f"""
    UPDATE gallery_storageuse SET used_bytes = used_bytes - {size}, images = images - {images}
      WHERE user_id = OLD.owner_id;"""


_UPLOAD_SIZE = "(SELECT size_bytes FROM gallery_original WHERE id = {row}.original_id)"
TALLIES = {
    "tally_image_comes": Tally("gallery_image", "INSERT", _comes("NEW.size_bytes", 1)),
    "tally_image_goes": Tally(
        "gallery_image",
        "DELETE",
        _goes("OLD.size_bytes", 1) + "\n    DELETE FROM gallery_search WHERE {key} = OLD.id;",
    ),
    "tally_upload_comes": Tally("gallery_upload", "INSERT", _comes(_UPLOAD_SIZE.format(row="NEW"), 0)),
    "tally_upload_goes": Tally("gallery_upload", "DELETE", _goes(_UPLOAD_SIZE.format(row="OLD"), 0)),
    "tally_tag_comes": Tally(
        "gallery_imagetag", "INSERT", "UPDATE gallery_tag SET uses = uses + 1 WHERE id = NEW.tag_id;"
    ),
    "tally_tag_goes": Tally(
        "gallery_imagetag", "DELETE", "UPDATE gallery_tag SET uses = uses - 1 WHERE id = OLD.tag_id;"
    ),
    "tally_item_comes": Tally(
        "gallery_collectionitem",
        "INSERT",
        "UPDATE gallery_collection SET size = size + 1 WHERE id = NEW.collection_id;",
    ),
    "tally_item_goes": Tally(
        "gallery_collectionitem",
        "DELETE",
        "UPDATE gallery_collection SET size = size - 1 WHERE id = OLD.collection_id;",
    ),
}
_KEY = {"postgresql": "id", "sqlite": "rowid"}


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
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
        f"CREATE TRIGGER {name} AFTER {tally.event} ON {tally.table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


def _body(connection: BaseDatabaseWrapper, tally: Tally) -> str:
    statement = tally.statement.replace("{key}", _KEY[connection.vendor])
    if connection.vendor == "sqlite":
        return f" {statement} "
    return f" BEGIN {statement} RETURN NULL; END "


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
