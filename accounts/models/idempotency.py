from django.conf import settings
from django.db import models
from django.utils import timezone


class IdempotentRequest(models.Model):
    """What was answered to a caller's `Idempotency-Key`, so that a repeated call has one effect."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    # The public id of what the call made; the answer is rendered from that row again.
    reference = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="accounts_idempotentrequest_once"),
        ]

    def __str__(self) -> str:
        return self.key
