"""Tiles of the gallery: what is read for them, and their HTML.

This is the one place that says how a tile looks. It is put together here and not by a template, which took
ten times as long for the 48 of a page; escape whatever comes from people.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from html import escape
from typing import Any

from django.db import connection
from django.urls import get_script_prefix, reverse
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from accounts.templatetags.moments import ago
from gallery import files
from gallery.search import candidates
from gallery.templatetags.pictures import alt, shape_of, width_of_shape

LAZY_FROM = 8
"""Pictures of a page from this one on are loaded when they come into view."""
_ROWS = (128, 205)
"""The heights of rows, CSS pixels, on small screens and on others."""


@dataclass(frozen=True, slots=True)
class Tile:
    """What is shown of one image in a grid. `width` and `height` are its original's, pixels."""

    pk: int
    public_id: uuid.UUID
    owner_id: int
    made_by: str
    title: str
    prompt: str
    created_at: datetime
    width: int
    height: int
    placeholder: str
    tags: tuple[str, ...]
    is_favourite: bool


@dataclass(frozen=True, slots=True)
class Look:
    """How the tiles of one page are drawn: for whom, in which walk (its query), and at what time."""

    user_id: int
    now: datetime
    query: str = ""
    selecting: bool = False


def of(user: User, ids: Sequence[int]) -> list[Tile]:
    """The tiles of the images with these ids, in this order: one query, however many they are."""
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.vendor, len(ids)), [user.pk, *ids])
        tiles = {row[0]: _tile(row) for row in cursor.fetchall()}
    return [tiles[pk] for pk in ids if pk in tiles]


# By the ORM these are three queries, and take three times as long.
@cache
def _statement(vendor: str, number: int) -> str:
    places = ", ".join(["%s"] * number)
    return f"""
        SELECT i.id, i.public_id, i.owner_id, u.name, u.email, i.title, i.prompt, i.created_at,
          o.width, o.height, o.placeholder, {candidates.TAGS[vendor]}, f.id IS NOT NULL
        FROM gallery_image i
        JOIN gallery_original o ON o.id = i.original_id
        JOIN accounts_user u ON u.id = i.owner_id
        LEFT JOIN gallery_favourite f ON f.image_id = i.id AND f.user_id = %s
        WHERE i.id IN ({places})
    """  # noqa: S608


def _tile(row: Sequence[Any]) -> Tile:
    pk, public_id, owner_id, name, email, title, prompt, moment, width, height, placeholder, tags, liked = row
    if connection.vendor == "sqlite":
        public_id, tags = uuid.UUID(public_id), json.loads(tags)
        moment = moment.replace(tzinfo=UTC)
    return Tile(
        pk, public_id, owner_id, name or email, title, prompt, moment, width, height, placeholder,
        tuple(tags), bool(liked),
    )  # fmt: skip


def html(tiles: Iterable[Tile], look: Look, *, ahead: int = 0) -> SafeString:
    """The tiles as list items. `ahead` is how many of the page come before them."""
    page = _page_address(get_script_prefix())
    return mark_safe(  # noqa: S308
        "".join(
            _html(tile, look, page, is_lazy=place >= LAZY_FROM)
            for place, tile in enumerate(tiles, start=ahead)
        )
    )


def _html(tile: Tile, look: Look, page: str, *, is_lazy: bool) -> str:
    """`page` is the address of the page of the image whose id is nought."""
    public_id = str(tile.public_id)
    folder = files.folder_of(public_id)
    narrow, wide = (width_of_shape(tile.width, tile.height, height) for height in _ROWS)
    query = f"?{escape(look.query)}" if look.query else ""
    words = escape(alt(tile.prompt))
    mine = " data-mine" if tile.owner_id == look.user_id else ""
    favourite = " data-favourite" if tile.is_favourite else ""
    tags = f' data-tags="{escape(", ".join(tile.tags))}"' if tile.tags else ""
    lazy = ' loading="lazy"' if is_lazy else ""
    check = _check(tile, words) if look.selecting else ""
    return f"""
  <li class="tile {shape_of(tile.width, tile.height)}" data-place="{tile.pk}" data-id="{public_id}"\
{mine}{favourite}{tags}>
    <a href="{page.replace(_PLACE, public_id)}{query}">
      <img class="tile-blur" src="{escape(tile.placeholder)}" alt="">
      <img class="tile-picture" src="{folder}{files.nearest(tile, "640")}" \
srcset="{files.srcset_in(folder, tile)}" sizes="(max-width: 767px) {narrow}px, {wide}px" \
width="{tile.width}" height="{tile.height}" alt="{words}"{lazy} decoding="async">
      <span class="tile-label" aria-hidden="true">
        <span class="tile-label-prompt">{escape(tile.title or tile.prompt)}</span>
        <span class="tile-label-meta">{escape(tile.made_by)} · {_when(tile.created_at, look.now)}</span>
      </span>
    </a>{check}
  </li>"""


def _check(tile: Tile, words: str) -> str:
    return (
        f'<label class="tile-check"><input class="visually-hidden" type="checkbox" name="image"'
        f' value="{tile.public_id}"><span class="visually-hidden">Select {words}</span></label>'
    )


_PLACE = str(uuid.UUID(int=0))


@cache
def _page_address(prefix: str) -> str:
    """Of the page of the image whose id is nought; `prefix` is what is before all addresses here."""
    return reverse("gallery:image", args=[_PLACE])


def _when(moment: datetime, now: datetime) -> str:
    if (now - moment).days >= 1:
        # Most pictures of a page are of few days, and writing a date takes a while.
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return _ago(moment, now.replace(hour=23, minute=59, second=0, microsecond=0))
    return ago(moment, now)


_ago = lru_cache(maxsize=2_000)(ago)
