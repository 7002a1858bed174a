"""Who sees a picture."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db import transaction

from accounts.models import Membership, User
from gallery import telling
from gallery.models import Image, ImageQuerySet
from gallery.search import marking, marks
from gallery.telling import Changed

Seen = tuple[str, int]
"""Who sees an image: a visibility, and the id of the team it may be shown to, or 0."""


class NoTeam(Exception):
    """It can't be shown to its owner's team, as they are in none."""

    code, field = "no_team", "visibility"

    def __init__(self) -> None:
        super().__init__("You aren't in a team.")


@transaction.atomic
def show_to(image: Image, visibility: str) -> None:
    """Choose who sees it. All who see it, or did until now, hear of the change.

    :raises NoTeam:
    """
    # The row says who saw it until now, whatever was read before.
    row = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    team = row.team_id or (_team_of(row.owner_id) if visibility == Image.Visibility.TEAM else 0)
    if visibility == Image.Visibility.TEAM and not team:
        raise NoTeam
    _show([row], {row.pk: (visibility, team)})
    image.visibility, image.team_id = row.visibility, row.team_id


def show_many(by: User, image_ids: Sequence[int], visibility: str) -> dict[Seen, list[int]]:
    """As `show_to`, for those of a few hundred images that are the person's, in the caller's transaction.

    Answers who saw those that it changed, by how it was. Where the person is in no team, what no team paid
    for can't be shown to one, and stays.
    """
    rows = list(_own(by).filter(pk__in=image_ids))
    team = _team_of(by.pk) if visibility == Image.Visibility.TEAM else 0
    wanted = {row.pk: (visibility, row.team_id or team) for row in rows}
    if visibility == Image.Visibility.TEAM:
        wanted = {pk: seen for pk, seen in wanted.items() if seen[1]}
    return _show(rows, wanted)


def restore(by: User, before: Mapping[Seen, Sequence[int]], *, left_as: str) -> int:
    """Undo `show_many` for the images that are still as it left them; answers how many."""
    wanted = {pk: seen for seen, ids in before.items() for pk in ids}
    rows = list(_own(by).filter(pk__in=wanted, visibility=left_as))
    return sum(map(len, _show(rows, wanted).values()))


def _own(by: User) -> ImageQuerySet:
    """The person's images, whose rows will be held."""
    images: ImageQuerySet = Image.objects.kept().filter(owner=by)
    return images.order_by("pk").select_for_update(no_key=True)


def _show(rows: Sequence[Image], wanted: Mapping[int, Seen]) -> dict[Seen, list[int]]:
    """Change rows that are held; answers which ones changed, by how they were."""
    before: dict[Seen, list[int]] = defaultdict(list)
    after: dict[tuple[Seen, int], list[int]] = defaultdict(list)
    changed = []
    for row in rows:
        was = (row.visibility, row.team_id or 0)
        if (seen := wanted.get(row.pk, was)) != was:
            before[was].append(row.pk)
            after[seen, was[1]].append(row.pk)
            # Undoing may take its team away; then that is the one that saw it.
            team = row.team_id or seen[1] or None
            changed.append(Changed(row.public_id, row.owner_id, team, {was[0], seen[0]}))
            row.visibility, row.team_id = seen[0], seen[1] or None
    for (seen, team), ids in after.items():
        Image.objects.filter(pk__in=ids).update(visibility=seen[0], team=seen[1] or None)
        marking.change(ids, add=_marks(*seen), drop=[marks.EVERYONE, marks.team(team)])
    telling.tell(changed)
    return dict(before)


def _marks(visibility: str, team: int) -> list[str]:
    found = [marks.team(team)] if team and visibility != Image.Visibility.PRIVATE else []
    return [*found, marks.EVERYONE] if visibility == Image.Visibility.EVERYONE else found


def _team_of(user_id: int) -> int:
    return Membership.objects.filter(user=user_id).values_list("team_id", flat=True).first() or 0
