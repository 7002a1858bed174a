"""How people's credits are drawn on the admins' pages."""

from django import template
from django.conf import settings
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import act_words
from accounts.models import AdminAct, AllowanceRule, User

register = template.Library()

WIDTH, HEIGHT, EDGE = 96, 28, 2


@register.simple_tag
def sparkline(values: list[int]) -> SafeString:
    """A line over the values, 96 × 28 CSS pixels, for show: the sum stands beside it as text."""
    top = max(1, *values) if values else 1
    step = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
    points = " ".join(
        f"{EDGE + number * step:.4g},{HEIGHT - EDGE - max(0, value) / top * (HEIGHT - 2 * EDGE):.4g}"
        for number, value in enumerate(values)
    )
    return format_html(
        '<svg class="sparkline" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true" '
        'focusable="false"><polyline points="{}"></polyline></svg>',
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        points,
    )


@register.filter
def allowance_short(rule: AllowanceRule) -> str:
    """`+500 a month`, or `up to 500 a month`."""
    start = "+" if rule.kind == AllowanceRule.Kind.ADD else "up to "
    return f"{start}{rule.amount:,} a {rule.period}"


@register.filter
def act_verb(act: AdminAct) -> str:
    """What an admin did, as people read it."""
    return act_words.verb_of(act)


@register.filter
def act_changes(act: AdminAct) -> list[tuple[str, str, str]]:
    """What changed: name, before, after."""
    return act_words.changes_of(act)


@register.simple_tag(takes_context=True)
def may_give(context: Context, person: User) -> bool:
    """Whether the admin who looks may give credits to this person: nobody gives to themselves."""
    by = context["request"].user
    return settings.ADMINS_MAY_GRANT_THEMSELVES or by.pk != person.pk
