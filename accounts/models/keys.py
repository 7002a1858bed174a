from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone


class ApiKey(models.Model):
    """A program's way in as its owner: the id and a digest of the secret, which is shown once."""

    class Scope(models.TextChoices):
        READ = "read", "See images, requests and credits"
        GENERATE = "generate", "Make images and spend credits"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    key_id = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    last_four = models.CharField(max_length=4)
    scopes = models.JSONField(default=list)
    spend_limit = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(spend_limit__isnull=True) | models.Q(spend_limit__gt=0),
                name="accounts_apikey_spend_limit_positive",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (esl_{self.key_id}…)"

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
