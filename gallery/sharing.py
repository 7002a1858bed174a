"""Who sees a picture."""

from django.db import transaction

from accounts import events
from accounts.models import Membership
from gallery.models import Image
from gallery.search import index


class NoTeam(Exception):
    """The picture can't be shown to its owner's team, as they are in none."""


@transaction.atomic
def show_to(image: Image, visibility: str) -> None:
    """Choose who sees it. All who see it, or did until now, hear of the change.

    :raises NoTeam:
    """
    # The row says who saw it until now, whatever was read before.
    before = Image.objects.select_for_update().get(pk=image.pk)
    image.team_id = before.team_id
    if visibility == Image.Visibility.TEAM and image.team_id is None:
        image.team_id = (
            Membership.objects.filter(user=image.owner_id).values_list("team_id", flat=True).first()
        )
        if image.team_id is None:
            raise NoTeam
    if (before.visibility, before.team_id) == (visibility, image.team_id):
        return
    image.visibility = visibility
    image.save(update_fields=["visibility", "team"])
    index.write([image.pk])
    _tell(image, {before.visibility, visibility})


def _tell(image: Image, shown: set[str]) -> None:
    subject = str(image.public_id)
    if Image.Visibility.EVERYONE in shown:
        events.record_for_everybody(kind=events.Kind.IMAGE, subject=subject)
        return
    people = {image.owner_id}
    if Image.Visibility.TEAM in shown:
        people |= set(Membership.objects.filter(team=image.team_id).values_list("user_id", flat=True))
    events.record_many(((pk, subject) for pk in sorted(people)), kind=events.Kind.IMAGE)
