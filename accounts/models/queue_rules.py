from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.teams import Team


class Lane(models.TextChoices):
    """How often a person's turn comes where many wait."""

    EXPRESS = "express", "Express"
    NORMAL = "normal", "Normal"
    BACKGROUND = "background", "Background"

    @property
    def weight(self) -> int:
        """The turns that a person of this lane gets for one of a person in the background."""
        return _WEIGHTS[self]


_WEIGHTS = {Lane.EXPRESS: 4, Lane.NORMAL: 2, Lane.BACKGROUND: 1}


class QueueRule(models.Model):
    """The lane of a person, or of each member of a team, and how many of their generations run at once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="queue_rules"
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="queue_rules"
    )
    # Empty says nothing of it: a person's is then their team's, else normal.
    lane = models.CharField(max_length=10, choices=Lane, blank=True, default="")
    # Null says nothing of it. A team's is for all its members together.
    concurrency_max = models.IntegerField("at most at once", null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True) | Q(user__isnull=True, team__isnull=False),
                name="accounts_queuerule_one_scope",
            ),
            models.CheckConstraint(
                condition=Q(lane__in=["", "express", "normal", "background"]),
                name="accounts_queuerule_lane_known",
            ),
            models.CheckConstraint(
                condition=Q(concurrency_max__isnull=True) | Q(concurrency_max__gte=1),
                name="accounts_queuerule_concurrency_from_one",
            ),
            models.CheckConstraint(
                condition=~Q(lane="") | Q(concurrency_max__isnull=False),
                name="accounts_queuerule_says_something",
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(ended_at__isnull=True), name="accounts_queuerule_one_a_person"
            ),
            models.UniqueConstraint(
                fields=["team"], condition=Q(ended_at__isnull=True), name="accounts_queuerule_one_a_team"
            ),
        ]

    def __str__(self) -> str:
        lane = f"{self.get_lane_display()} lane" if self.lane else ""
        limit = f"at most {self.concurrency_max:,} at once" if self.concurrency_max is not None else ""
        return ", ".join(term for term in (lane, limit) if term)
