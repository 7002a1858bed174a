"""Who sees a picture."""

from django.db import transaction

from accounts import events
from gallery.models import Image


@transaction.atomic
def show_to(image: Image, visibility: str) -> None:
    """Choose who sees it. All who see it, or did until now, hear of the change."""
    # The row says who saw it until now, whatever was read before.
    before = Image.objects.select_for_update().values_list("visibility", flat=True).get(pk=image.pk)
    if before == visibility:
        return
    image.visibility = visibility
    image.save(update_fields=["visibility"])
    # One of the two is everyone signed in.
    events.record_for_everybody(kind=events.Kind.IMAGE, subject=str(image.public_id))
