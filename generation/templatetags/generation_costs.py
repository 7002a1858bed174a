"""What providers cost, for admins' pages that stand to the right of this package."""

from decimal import Decimal

from django import template
from django.core.cache import cache
from django.db.models import Sum
from django.utils import timezone

from accounts.directory import MONTH_SECONDS, month_start
from generation.models import Attempt

register = template.Library()


@register.simple_tag
def provider_cost_this_month() -> str:
    """US dollars that providers say this month's calls cost, such as `$76.28`; at most a minute old."""
    start = month_start(timezone.now())
    key = f"generation:cost:{start:%Y-%m}"
    cost = cache.get(key)
    if cost is None:
        told = Attempt.objects.filter(vendor_cost_usd__isnull=False, started_at__gte=start)
        sums = told.aggregate(usd=Sum("vendor_cost_usd"))
        cost = sums["usd"] or Decimal(0)
        cache.set(key, cost, MONTH_SECONDS)
    return f"${cost:,.2f}"
