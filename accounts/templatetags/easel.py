"""What every page draws the same way: icons, ratio shapes, avatars, numbers of credits, the credit ring."""

import zlib
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField, Textarea
from django.template.context import Context
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

MINUS = "−"
HUES = 8
RING_RADIUS = 17.5
WIDGET_CLASSES = {"checkbox": "checkbox", "radio": "radio", "select": "select", "textarea": "textarea"}

# Which entry of the rail and the tab bar a page belongs to, by the start of its view's name.
SECTIONS = (
    ("generation:receipt", "credits"),
    ("generation:refund", "credits"),
    ("generation:usage", "credits"),
    ("generation:provider", "admin"),
    ("generation:", "studio"),
    ("gallery:", "gallery"),
    ("accounts:credits", "credits"),
    ("accounts:people", "admin"),
    ("accounts:", "settings"),
    ("account_", "settings"),
    ("mfa_", "settings"),
    ("usersessions_", "settings"),
)


@register.simple_tag
@lru_cache(maxsize=1_000)
def icon(name: str, size: int = 16, *, filled: bool = False) -> SafeString:
    """The Lucide icon of this name from static/icons.svg, `size` CSS pixels square, hidden from readers."""
    return _icon(static("icons.svg"), name, size, filled)


@lru_cache(maxsize=500)
def _icon(sheet: str, name: str, size: int, filled: bool) -> SafeString:
    return format_html(
        '<svg class="{}" width="{}" height="{}" aria-hidden="true" focusable="false">'
        '<use href="{}#{}"></use></svg>',
        "icon icon-filled" if filled else "icon",
        size,
        size,
        sheet,
        name,
    )


@register.simple_tag
@lru_cache(maxsize=1_000)
def ratio_shape(ratio: str, size: int = 16) -> SafeString:
    """The outline of an aspect ratio such as ``16:9`` in true proportion, in a box of `size` CSS pixels."""
    across, down = (int(part) for part in ratio.split(":"))
    room = size - 2
    width, height = room * min(1, across / down), room * min(1, down / across)
    return format_html(
        '<svg class="ratio-shape" width="{}" height="{}" aria-hidden="true" focusable="false">'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="2"></rect></svg>',
        size,
        size,
        f"{(size - width) / 2:g}",
        f"{(size - height) / 2:g}",
        f"{width:g}",
        f"{height:g}",
    )


@register.filter
def ratio_class(ratio: str) -> str:
    """The class that reserves a ratio's room: ``16:9`` gives ``ratio-16x9``."""
    return f"ratio-{ratio.replace(':', 'x')}"


@register.simple_tag
def avatar(user: Any, size: int = 32) -> SafeString:
    """A person's initials on one of eight hues, the same everywhere; 20, 24, 32 or 40 pixels wide."""
    hue = zlib.crc32(user.email.encode()) % HUES
    return format_html(
        '<span class="avatar avatar-{} hue-{}" aria-hidden="true">{}</span>', size, hue, user.initials
    )


@register.filter
def credits_number(amount: int) -> str:
    """A whole number with thousands and a true minus: ``1,095``, ``−8``."""
    return f"{MINUS if amount < 0 else ''}{abs(amount):,}"


@register.filter
def credits_signed(amount: int) -> str:
    """The same with a plus before what is given: ``+2``, ``−8``, ``0``."""
    return f"+{credits_number(amount)}" if amount > 0 else credits_number(amount)


@register.filter
def credits_short(amount: int) -> str:
    """At most five characters, for the ring: ``412``, ``1,095``, ``12k``, ``3M``."""
    if abs(amount) < 10_000:
        return credits_number(amount)
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if abs(amount) >= size:
            return f"{credits_number(int(amount / size))}{letter}"
    raise AssertionError(amount)


@register.inclusion_tag("_credit_ring.html")
def credit_ring(standing: Any) -> dict[str, Any]:
    """The share of the balance that is available, as an arc; under a tenth it is a warning."""
    percent = round(100 * standing.available / standing.balance) if standing.balance > 0 else 0
    percent = max(0, min(100, percent))
    return {"credits": standing, "percent": percent, "low": percent < 10, "radius": RING_RADIUS}


@register.simple_tag(takes_context=True)
def section(context: Context) -> str:
    """Where the page is in the rail: studio, gallery, credits, admin, settings, or nothing.

    A page that admins have under Admin is among the credits for everybody else.
    """
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    name = match.view_name if match else ""
    place = next((place for start, place in SECTIONS if name.startswith(start)), "")
    if place == "admin" and request is not None and not request.user.has_perm("accounts.see_credits"):
        return "credits"
    return place


@register.filter
def styled(field: BoundField) -> SafeString:
    """A form field's own widget in the class of its kind, without a placeholder: its label is visible."""
    widget = field.field.widget
    kind = "textarea" if isinstance(widget, Textarea) else getattr(widget, "input_type", "text")
    return field.as_widget(attrs={"class": WIDGET_CLASSES.get(kind, "input"), "placeholder": False})
