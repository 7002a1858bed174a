"""Tiles in a page."""

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString

from gallery.tiles import Look, Tile, html

register = template.Library()


@register.simple_tag
def tiles(shown: Sequence[Tile], look: Look, *, ahead: int = 0) -> SafeString:
    """The tiles as list items; `ahead` is about how many of the page come before them."""
    return html(shown, look, ahead=ahead)
