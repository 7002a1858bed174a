"""Moments as people say them: relative up to a day, then dates."""

from datetime import date, datetime, timedelta

from django import template
from django.utils.formats import date_format

register = template.Library()


@register.filter
def day_name(day: date, today: date) -> str:
    """`Today`, `Yesterday`, the weekday within a week, else the date."""
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if today - timedelta(days=7) < day < today:
        return date_format(day, "l j F")
    return date_format(day, "j F" if day.year == today.year else "j F Y")


@register.filter
def ago(moment: datetime, now: datetime) -> str:
    """`just now`, `6 min ago`, `3 h ago` up to a day, then the date."""
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 24 * 60:
        return f"{minutes // 60} h ago"
    return date_format(moment, "j F" if moment.year == now.year else "j F Y")
