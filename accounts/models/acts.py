from django.conf import settings
from django.db import models
from django.utils import timezone


class AdminAct(models.Model):
    """What an admin did: who, what, before, after, why, from where. Never changed, never deleted."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    verb = models.CharField(max_length=40)
    # What it was done to, such as "user" and its id, and what it was called then.
    subject_kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=64)
    subject_label = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    address = models.GenericIPAddressField("from where", null=True)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="accounts_adminact_of_subject"),
            models.Index(fields=["by", "-id"], name="accounts_adminact_by"),
        ]

    def __str__(self) -> str:
        return f"{self.by}: {self.verb} {self.subject_label}"


class Notice(models.Model):
    """Something a person, or with `user` null every admin, should look at, until it is resolved."""

    class Kind(models.TextChoices):
        LOW_BALANCE = "low_balance"
        AUDIT = "audit"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="notices"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    text = models.CharField(max_length=500)
    # What the notice is about and for whom, so that the same thing is told once.
    key = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True)
    # When it was taken to be mailed; null waits for the next minute's round.
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(resolved_at__isnull=True), name="accounts_notice_open_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(mailed_at__isnull=True), name="accounts_notice_to_mail"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class GrantBatch(models.Model):
    """A bulk grant from a file or a selection: looked at first, then given once."""

    # SHA-256 of what is to be given: the same file is the same batch.
    digest = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=120)
    # [{"user": id, "amount": credits, "reason": text}, …]
    rows = models.JSONField()
    total = models.BigIntegerField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.title
