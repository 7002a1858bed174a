"""Parts of the gallery's pages: counts and covers of the sidebar, addresses of walks."""

from dataclasses import replace
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gallery import files
from gallery.browsing import Walk
from gallery.collections import Listed
from gallery.pages.sidebar import COUNTED_MAX, Shelf

register = template.Library()


@register.simple_tag
def counted(shelf: Any, place: str) -> SafeString:
    """How many pictures are there: empty until it is counted."""
    if not shelf:
        return format_html('<b class="sidebar-count">{}</b>', "")
    found = shelf.counts[place]
    words = f"{found:,}{'+' if found >= COUNTED_MAX else ''}"
    return format_html('<b class="sidebar-count">{}</b>', words)


@register.simple_tag
def cover(listed: Listed) -> SafeString:
    """The small picture before a collection's name."""
    if listed.cover is None:
        return format_html('<span class="{}"></span>', "cover")
    return format_html(
        '<img class="cover" src="{}" alt="" width="24" height="24" loading="lazy">',
        files.image_path(listed.cover, "320"),
    )


@register.simple_tag
def size_in(shelf: Shelf, listed: Listed) -> str:
    """How many pictures of a collection the person sees."""
    return f"{shelf.sizes.get(listed.collection.pk, 0):,}"


@register.simple_tag
def toggled(walk: Any, field: str) -> str:
    """The walk's query with one of its switches the other way."""
    changed: Walk = replace(walk, **{field: not getattr(walk, field)})
    return changed.query


@register.simple_tag
def walk_without(walk: Walk, field: str) -> str:
    """The walk's query with that field as it is by default."""
    return replace(walk, **{field: getattr(Walk(), field)}).query
