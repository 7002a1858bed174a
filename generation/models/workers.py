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
    """One period of something that comes back by the clock: due, taken by a worker, done once."""

    class Status(models.TextChoices):
        DUE = "due"
        TAKEN = "taken"
        DONE = "done"

    name = models.CharField(max_length=20)
    period = models.DateTimeField("when the period began")
    status = models.CharField(max_length=5, choices=Status, default=Status.DUE)
    # When it is sent again unless it is done: a task may be lost, and the lease of who took it ends.
    again_at = models.DateTimeField()
    times_sent = models.PositiveIntegerField(default=0)
    # The fence: who took it says which time that was.
    times_taken = models.PositiveIntegerField(default=0)
    # Where the next one goes on, of what is done in several goes.
    place = models.CharField(max_length=200, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "period"], name="generation_chore_one_a_period"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.period:%Y-%m-%d %H:%M}: {self.status}"
