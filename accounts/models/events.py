from django.conf import settings
from django.db import models
from django.utils import timezone


class Event(models.Model):
    """That something changed for a person: which thing, not what it is now; pages fetch that part again."""

    class Kind(models.TextChoices):
        GENERATION = "generation"
        CREDITS = "credits"
        IMAGE = "image"
        NOTICE = "notice"

    # None is everybody.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)
    subject = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["user", "id"], name="accounts_event_of_user")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
