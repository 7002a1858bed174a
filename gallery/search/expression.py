"""What is looked for: clauses that must all hold, each of atoms of which one must. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gallery.search.words import PREFIX_LETTERS_MIN


@dataclass(frozen=True)
class Word:
    """A word of the title, the prompt or the notes, or one that begins with it."""

    text: str

    @property
    def finds_longer(self) -> bool:
        return len(self.text) >= PREFIX_LETTERS_MIN


@dataclass(frozen=True)
class Phrase:
    """Words that stand side by side in one of the texts, just so."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """A fact; see `marks`."""

    text: str


Atom = Word | Phrase | Mark


@dataclass(frozen=True)
class Expression:
    """Every clause of `clauses` has an atom that holds, and no atom of `without` does."""

    clauses: tuple[frozenset[Atom], ...] = ()
    without: frozenset[Atom] = field(default_factory=frozenset)

    def and_any(self, atoms: Iterable[Atom]) -> "Expression":
        """This, and one of the atoms; of none, nothing at all is found."""
        return Expression((*self.clauses, frozenset(atoms)), self.without)

    def and_none(self, atoms: Iterable[Atom]) -> "Expression":
        return Expression(self.clauses, self.without | frozenset(atoms))

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be found: a clause has no atom."""
        return any(not clause for clause in self.clauses)


def tsquery(expression: Expression) -> str:
    """It as PostgreSQL's `tsquery`, to be cast, never parsed as a language."""
    parts = [_any_on_postgres(clause) for clause in expression.clauses]
    parts += [f"!{_on_postgres(atom)}" for atom in sorted(expression.without, key=repr)]
    return " & ".join(parts)


def _any_on_postgres(clause: frozenset[Atom]) -> str:
    return "(" + " | ".join(_on_postgres(atom) for atom in sorted(clause, key=repr)) + ")"


def _on_postgres(atom: Atom) -> str:
    match atom:
        case Word():
            return f"'{atom.text}'" + (":*" if atom.finds_longer else "")
        case Phrase():
            return "(" + " <-> ".join(f"'{word}'" for word in atom.words) + ")"
        case Mark():
            return f"'{atom.text}'"


def fts5(expression: Expression) -> str:
    """It as a query of SQLite's FTS5, with at least one clause."""
    query = " AND ".join(_any_on_sqlite(clause) for clause in expression.clauses)
    if expression.without:
        query = f"({query}) NOT {_any_on_sqlite(expression.without)}"
    return query


def _any_on_sqlite(clause: frozenset[Atom]) -> str:
    return "(" + " OR ".join(_on_sqlite(atom) for atom in sorted(clause, key=repr)) + ")"


_TEXTS = "{title prompt notes}"


def _on_sqlite(atom: Atom) -> str:
    match atom:
        case Word():
            return f'{_TEXTS} : "{atom.text}"' + (" *" if atom.finds_longer else "")
        case Phrase():
            return f'{_TEXTS} : "{" ".join(atom.words)}"'
        case Mark():
            return f'marks : "{atom.text}"'
