"""A picture's title and notes, by its owner."""

from django.db import transaction

from accounts import events
from accounts.models import User
from gallery import texts
from gallery.models import Image
from gallery.refusals import NotAllowed, Refused
from gallery.search import index

TITLE_MAX, NOTES_MAX = 120, 4_000


class TooLong(Refused):
    code = "too_long"

    def __init__(self, field: str, what: str, most: int) -> None:
        super().__init__(f"{what} {most:,} letters at most.")
        self.field = field


@transaction.atomic
def describe(by: User, image: Image, *, title: str | None = None, notes: str | None = None) -> Image:
    """Give it another title, other notes, or both; None leaves it as it is.

    :raises NotAllowed: to anybody but its owner. :raises TooLong:
    """
    if image.owner_id != by.pk:
        raise NotAllowed("Only the person who made this image may change it.")
    title = image.title if title is None else texts.line(title)
    notes = image.notes if notes is None else texts.paragraphs(notes)
    if len(title) > TITLE_MAX:
        raise TooLong("title", "A title has", TITLE_MAX)
    if len(notes) > NOTES_MAX:
        raise TooLong("notes", "Notes have", NOTES_MAX)
    if (title, notes) != (image.title, image.notes):
        # Whoever writes an image's entry in the index holds its row.
        Image.objects.select_for_update(no_key=True).get(pk=image.pk)
        image.title, image.notes = title, notes
        image.save(update_fields=["title", "notes"])
        index.write([image.pk])
        events.record(user_id=image.owner_id, kind=events.Kind.IMAGE, subject=str(image.public_id))
    return image
