from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.db.models.signals import post_migrate


class GenerationConfig(AppConfig):
    name = "generation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from gallery import archives, later
        from generation import heartbeats, queue

        heartbeats.connect()
        later.taken_by(queue.go_on)
        archives.sent_by(queue.archives)
        post_migrate.connect(_seed, sender=self)


def _seed(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """A new installation has models and providers to begin with."""
    from generation import seeding

    try:
        apps.get_model("generation", "RoutingPolicy")
    except LookupError:  # migrated back to before there were any
        return
    if using == "default":
        seeding.seed()
