"""Files under their content's name that no row names: what a worker stored and never delivered.

The same picture may be stored again at the moment at which it is removed, by somebody whose row comes a
little later. So a file is not removed but set aside (`storage.set_aside`), and let go a day after: by then,
whoever stored it has a row or has given up, and what a row names is put back.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gallery import storage
from gallery.models import Original, Rendition
from gallery.walking import Found

FOLDERS = ("originals", "renditions")
ASIDE = "aside"

_NAME = re.compile(r"(?P<sha256>(?P<ab>[0-9a-f]{2})(?P<cd>[0-9a-f]{2})[0-9a-f]{60})(?P<size>-\d+)?\.[a-z]+")


@dataclass(frozen=True)
class Content:
    """A file by its content: the digest of the original it belongs to, and its names here and aside."""

    sha256: str
    name: str
    aside: str


def content_of(name: str) -> Content | None:
    """What the file is, by where it is or will be; None for what is no file of ours."""
    base = name.rpartition("/")[2]
    found = _NAME.fullmatch(base)
    if found is None:
        return None
    folder = "renditions" if found["size"] else "originals"
    home = f"{folder}/{found['ab']}/{found['cd']}/{base}"
    aside = f"{ASIDE}/{base}"
    return Content(found["sha256"], home, aside) if name in (home, aside) else None


def unnamed(files: Iterable[Found]) -> list[Content]:
    """Those of the files that no row names."""
    contents = [content for file in files if (content := content_of(file.name)) is not None]
    named = _named(contents)
    return [content for content in contents if content.name not in named]


def remove(content: Content, *, older_than: datetime) -> bool:
    """Set the file aside if it was stored before that moment and no row names it; whether it is aside now.

    :raises FileNotFoundError: it is gone.
    """
    if _named([content]) or not storage.set_aside(content.name, content.aside, older_than=older_than):
        return False
    if _named([content]):
        put_back(content)
        return False
    return True


def put_back(content: Content) -> bool:
    """Have what was set aside where its row says it is."""
    storage.put_back(content.aside, content.name)
    return True


def let_go(content: Content) -> bool:
    """Remove what was set aside for good."""
    storage.delete(content.aside)
    return True


def judge(files: Iterable[Found], *, older_than: datetime) -> tuple[list[Content], list[Content]]:
    """Of files that are aside: those to be put back, as rows name them, and those to be let go."""
    found = [(file, content) for file in files if (content := content_of(file.name)) is not None]
    named = _named(content for _, content in found)
    back = [content for _, content in found if content.name in named]
    gone = [content for file, content in found if content.name not in named and file.modified < older_than]
    return back, gone


def _named(contents: Iterable[Content]) -> set[str]:
    """The names of those that rows name."""
    digests = {content.sha256 for content in contents}
    originals = Original.objects.filter(sha256__in=digests).values_list("name", flat=True)
    renditions = Rendition.objects.filter(original__sha256__in=digests).values_list("name", flat=True)
    return {*originals, *renditions}
