"""Conversations: pictures refined over several turns, with branches."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from gallery.models import Image


class Conversation(models.Model):
    """Turns that go on from one another. Begins with a generation or, as `root`, somebody else's picture."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations")
    name = models.CharField(max_length=80, blank=True)
    root = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["user", "-changed_at", "-id"], name="generation_conversation_of")]

    def __str__(self) -> str:
        return self.name or str(self.public_id)


class Branch(models.Model):
    """A line of turns. A conversation's first is its trunk, with the number 0; others fork from a picture."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="branches")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80, blank=True)
    forked_from = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="generation_branch_one_a_number"),
        ]

    def __str__(self) -> str:
        return self.name or ("Trunk" if self.number == 0 else f"Branch {self.letter}")

    @property
    def letter(self) -> str:
        """A for the trunk, B for the first that forks, … and after Z the number."""
        return chr(ord("A") + self.number) if self.number < 26 else str(self.number + 1)
