"""Where a turn lands: on the branch of the picture it goes on from, or on a new one.

A conversation is one person's, and whoever changes it holds that person's account (`ledger.lock`). So two
turns from one picture that come at the same moment make two branches, and no branch ever forks.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from accounts.models import User
from gallery.models import Image
from generation.models import Branch, Conversation, Generation, GenerationQuerySet

# Turns that made nothing: what comes after them goes on from the same picture, on the same branch.
DEAD = (Generation.Status.FAILED, Generation.Status.CANCELED)


@dataclass(frozen=True)
class Landing:
    """Where a turn from a picture would land now.

    `source` is the person's generation that made the picture; `conversation` is None where none is begun yet,
    `branch` where a new one would be.
    """

    source: Generation | None
    conversation: Conversation | None
    branch: Branch | None

    @property
    def forks(self) -> bool:
        """Whether it starts a new branch of a conversation that is there."""
        return self.conversation is not None and self.branch is None


def landing(user: User, image: Image) -> Landing:
    """Where the person's next turn from the picture lands, as far as can be said before it is sent."""
    source = made_by(user, image)
    if source is None:
        begun = Conversation.objects.filter(user=user, root=image).order_by("pk").last()
        trunk = begun.branches.filter(number=0).first() if begun else None
        return Landing(None, begun, _free(begun, trunk, None, image))
    branch = source.branch
    conversation = branch.conversation if branch else None
    return Landing(source, conversation, _free(conversation, branch, source, image))


def made_by(user: User, image: Image) -> Generation | None:
    """The person's generation that made the picture; None for somebody else's picture."""
    if image.owner_id != user.pk:
        return None
    made: Generation | None = (
        Generation.objects.filter(outputs__image=image, user=user)
        .select_related("branch__conversation")
        .first()
    )
    return made


def place(*, user: User, image: Image, now: datetime, fork: bool = False) -> Branch:
    """The branch for a turn from the picture, made where it is not there. `fork` asks for a new one.

    Call it in a transaction that holds the person's account.
    """
    found = landing(user, image)
    conversation, branch = found.conversation, found.branch
    if conversation is None:
        trunk = begin(user=user, now=now, root=image if found.source is None else None)
        conversation = trunk.conversation
        if found.source is not None:
            Generation.objects.filter(pk=found.source.pk).update(branch=trunk)
        branch = trunk
        fork = fork and found.source is not None
    Conversation.objects.filter(pk=conversation.pk).update(changed_at=now)
    if branch is not None and not fork:
        return branch
    return Branch.objects.create(
        conversation=conversation, number=_next_number(conversation), forked_from=image, created_at=now
    )


def rejoin(branch: Branch, *, now: datetime) -> Branch:
    """The branch for its first turn once more. Call it in a transaction that holds the person's account."""
    Conversation.objects.filter(pk=branch.conversation_id).update(changed_at=now)
    return branch


def begin(*, user: User, now: datetime, root: Image | None = None) -> Branch:
    """The trunk of a new conversation. Call it in a transaction that holds the person's account."""
    conversation = Conversation.objects.create(user=user, root=root, created_at=now, changed_at=now)
    return Branch.objects.create(conversation=conversation, number=0, created_at=now)


def _free(
    conversation: Conversation | None, branch: Branch | None, source: Generation | None, image: Image
) -> Branch | None:
    """The branch whose next turn may go on from the picture; None where each has gone on already."""
    if conversation is None or branch is None:
        return None
    if not _living(branch, after=source).exists():
        return branch
    # A fork from here whose turns came to nothing is tried again, not forked beside.
    forks = Branch.objects.filter(conversation=conversation, forked_from=image).order_by("number")
    living = Generation.objects.filter(branch=OuterRef("pk")).exclude(status__in=DEAD)
    return forks.filter(~Exists(living)).first()


def _living(branch: Branch, *, after: Generation | None) -> GenerationQuerySet:
    rows: GenerationQuerySet = Generation.objects.filter(branch=branch).exclude(status__in=DEAD)
    return rows.filter(pk__gt=after.pk) if after else rows


def _next_number(conversation: Conversation) -> int:
    last = conversation.branches.order_by("number").last()
    return last.number + 1 if last else 0
