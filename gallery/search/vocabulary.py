"""The words that are in PostgreSQL's index, so that a word that begins others is looked up as those.

For a prefix GIN reads the places of all words that have it before it compares anything; words that are named
are read side by side, and places that can't count are passed over. A common one beside a rare one takes 1 ms
then, not 25.

The database adds the words of each new entry by itself. None is ever taken away: one that nothing has any
more costs nothing. Nobody waits for another's new word, so one may stand there twice.
"""

from dataclasses import replace

from django.db import connection

from gallery.search.expression import Atom, Expression, Phrase, Word

TABLE = "gallery_search_word"
BEGUN_MAX = 24
"""A word that begins more than so many is looked up as a prefix, unless it is said otherwise."""

CREATE = (
    f"CREATE TABLE {TABLE} (word text NOT NULL)",
    f"CREATE INDEX {TABLE}_begins ON {TABLE} (word text_pattern_ops)",
    # Words have places, marks have none.
    f"""
    CREATE FUNCTION gallery_search_learn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO {TABLE} (word)
        SELECT DISTINCT one.lexeme FROM written w, unnest(w.document) one
        WHERE one.positions IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM {TABLE} known WHERE known.word = one.lexeme);
      RETURN NULL;
    END $$
    """,  # noqa: S608
    """
    CREATE TRIGGER gallery_search_learns AFTER INSERT ON gallery_search
      REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION gallery_search_learn()
    """,
    # Also where other triggers are off, as while rows are written in bulk: a word that is missing here is not
    # found by its beginning.
    "ALTER TABLE gallery_search ENABLE ALWAYS TRIGGER gallery_search_learns",
)
DROP = ("DROP FUNCTION gallery_search_learn CASCADE", f"DROP TABLE {TABLE}")

_BEGUN = f"""
    SELECT given, ARRAY(
      SELECT DISTINCT word FROM {TABLE} WHERE word ~>=~ given AND word ~<~ (given || chr(1114111))
      LIMIT %s
    ) FROM unnest(%s::text[]) given
"""  # noqa: S608


def spelled_out(expression: Expression, *, most: int = BEGUN_MAX) -> Expression:
    """It with each word that begins at most so many others as those; it finds the same."""
    atoms = {atom for clause in expression.clauses for atom in clause}
    longer = {atom.text for atom in atoms if isinstance(atom, Word) and atom.finds_longer}
    begun = _begun(sorted(longer), most)
    clauses = (
        frozenset(one for atom in clause for one in _meant(atom, begun)) for clause in expression.clauses
    )
    return replace(expression, clauses=tuple(clauses))


def _meant(atom: Atom, begun: dict[str, list[str]]) -> list[Atom]:
    if not isinstance(atom, Word) or atom.text not in begun:
        return [atom]
    return [Phrase((word,)) for word in begun[atom.text]]


def _begun(texts: list[str], most: int) -> dict[str, list[str]]:
    """The words that begin with each text, where there are some and not too many."""
    if not texts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_BEGUN, [most + 1, texts])
        return {text: found for text, found in cursor.fetchall() if 0 < len(found) <= most}
