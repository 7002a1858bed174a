import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class UndoableAct(models.Model):
    """What a person did to several images at once, with all that it takes to undo it for a short while."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    verb = models.CharField(max_length=20)
    # What was before, as the verb's own module writes and reads it.
    before = models.JSONField(default=dict)
    images = models.PositiveIntegerField("how many images")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.verb} of {self.images}"
