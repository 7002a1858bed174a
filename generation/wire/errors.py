"""What can be wrong with a message."""

from dataclasses import dataclass


class WireError(ValueError):
    """The bytes are not a message of this format; the text says where."""


class Unsupported(WireError):
    """The format has no word for something that was asked."""


@dataclass(frozen=True)
class Issue:
    """One fault of a request: the field it is in, and a sentence in the vendor's manner."""

    field: str
    message: str


class InvalidRequest(WireError):
    """A request that was read but breaks the format's rules; `issues` names each fault."""

    def __init__(self, *issues: Issue) -> None:
        super().__init__("; ".join(f"{issue.field}: {issue.message}" for issue in issues))
        self.issues = issues
