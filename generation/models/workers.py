"""What workers tell each other: who is alive, and what is due by the clock."""

from django.db import models


class Heartbeat(models.Model):
    """When a part of a worker cluster was last seen working; the supervisor acts on a stale one."""

    class Part(models.TextChoices):
        WORKER = "worker"
        FINISHED = "finished"
        MONITOR = "monitor"

    cluster = models.CharField(max_length=64)
    part = models.CharField(max_length=10, choices=Part)
    beat_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster", "part"], name="generation_heartbeat_one_a_part"),
        ]

    def __str__(self) -> str:
        return f"{self.cluster} {self.part} {self.beat_at:%H:%M:%S}"


class WorkerProcess(models.Model):
    """A process that runs generations: who has work need not wake anybody while one stands by."""

    # The cluster's id and the process's own.
    name = models.CharField(max_length=100, unique=True)
    cluster = models.CharField(max_length=64)
    places = models.PositiveIntegerField()
    serving = models.PositiveIntegerField(default=0)
    # It looks for work; else it only ends what it has.
    stands_by = models.BooleanField(default=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.serving} of {self.places}"


class Chore(models.Model):
    """When something that comes back is due next; whoever moves `due_at` on does it."""

    name = models.CharField(max_length=20, unique=True)
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.due_at:%Y-%m-%d %H:%M}"
