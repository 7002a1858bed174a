"""Rules that make ledger entries (allowances) or refuse holds (caps); never a second kind of balance."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.credits import Hold, LedgerEntry
from accounts.models.keys import ApiKey
from accounts.models.teams import Team, check_time_zone


class AllowanceRule(models.Model):
    """Credits a person, or each member of a team, is given every day, week or month."""

    class Kind(models.TextChoices):
        ADD = "add", "Add"
        TOP_UP = "top_up", "Top up to"

    class Period(models.TextChoices):
        DAY = "day", "day"
        WEEK = "week", "week"
        MONTH = "month", "month"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="allowance_rules",
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="allowance_rules"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    amount = models.BigIntegerField()
    period = models.CharField(max_length=6, choices=Period)
    time_zone = models.CharField(max_length=60, default="UTC", validators=[check_time_zone])
    # The first period is the one this moment falls into.
    starts_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True) | Q(user__isnull=True, team__isnull=False),
                name="accounts_allowancerule_one_scope",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="accounts_allowancerule_amount_positive"),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(ended_at__isnull=True),
                name="accounts_allowancerule_one_a_person",
            ),
            models.UniqueConstraint(
                fields=["team"], condition=Q(ended_at__isnull=True), name="accounts_allowancerule_one_a_team"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} a {self.period}"


class AllowanceGiven(models.Model):
    """That a person's period of a rule was looked at, and what was given: each period once."""

    rule = models.ForeignKey(AllowanceRule, on_delete=models.PROTECT, related_name="given")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="allowances_given"
    )
    period_start = models.DateTimeField()
    # Nothing where a top-up found enough, or the person was switched off.
    amount = models.BigIntegerField()
    entry = models.OneToOneField(
        LedgerEntry, null=True, on_delete=models.PROTECT, related_name="allowance_given"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "user", "period_start"], name="accounts_allowancegiven_once"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="accounts_allowancegiven_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} to {self.user_id} for {self.period_start:%Y-%m-%d}"


class Cap(models.Model):
    """The most credits a person, a team or an API key may spend in a period; it refuses holds."""

    class Period(models.TextChoices):
        DAY = "day", "a day"
        WEEK = "week", "a week"
        MONTH = "month", "a month"
        TOTAL = "total", "in all"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="caps"
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="caps")
    api_key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.PROTECT, related_name="caps")
    period = models.CharField(max_length=6, choices=Period)
    allowed = models.BigIntegerField("credits allowed")
    time_zone = models.CharField(max_length=60, default="UTC", validators=[check_time_zone])
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True, api_key__isnull=True)
                | Q(user__isnull=True, team__isnull=False, api_key__isnull=True)
                | Q(user__isnull=True, team__isnull=True, api_key__isnull=False),
                name="accounts_cap_one_scope",
            ),
            models.CheckConstraint(condition=Q(allowed__gte=0), name="accounts_cap_allowed_not_negative"),
            *(
                models.UniqueConstraint(
                    fields=[scope, "period"],
                    condition=Q(ended_at__isnull=True),
                    name=f"accounts_cap_one_a_{scope}_and_period",
                )
                for scope in ("user", "team", "api_key")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.allowed} credits {self.get_period_display()}"

    @property
    def scope(self) -> str:
        """`person`, `team` or `key`."""
        return "person" if self.user_id else "team" if self.team_id else "key"


class CapUse(models.Model):
    """What counts against a cap in one period; the row that decides who still fits."""

    cap = models.ForeignKey(Cap, on_delete=models.CASCADE, related_name="uses")
    period_start = models.DateTimeField()
    used = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cap", "period_start"], name="accounts_capuse_one_a_period"),
            models.CheckConstraint(condition=Q(used__gte=0), name="accounts_capuse_used_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.used} since {self.period_start:%Y-%m-%d}"


class CountedHold(models.Model):
    """That a hold counts against a cap's period, so that what it gives back is taken off there."""

    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="counted")
    use = models.ForeignKey(CapUse, on_delete=models.CASCADE, related_name="counted")
    # It was there before the cap, which may allow less than was spent already.
    is_earlier = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hold", "use"], name="accounts_countedhold_once"),
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} in {self.use_id}"
