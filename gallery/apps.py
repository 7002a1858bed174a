from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import connections
from django.db.models.signals import post_migrate


class GalleryConfig(AppConfig):
    name = "gallery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_keep_tallies, sender=self)


def _keep_tallies(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """The triggers that count are there after every migrate, and the index is filled."""
    from gallery import tallies
    from gallery.search import rebuilding

    try:
        apps.get_model("gallery", "StorageUse")
        there, known = apps.get_model("gallery", "Image"), installed.get_model("gallery", "Image")
    except LookupError:  # migrated back to before there were counts
        return
    tallies.install(connections[using])
    # Not where it was migrated back to fewer columns than the models have.
    if {field.column for field in there._meta.fields} == {field.column for field in known._meta.fields}:
        rebuilding.fill_if_empty()
