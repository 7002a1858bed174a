"""Conversations: begin one, go on from a picture, and give names. Pages and API both come through here."""

import re
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts import idempotency, ledger
from accounts.models import ApiKey, User
from gallery.models import Image
from generation import branches, submission
from generation.catalog import ImageSize
from generation.models import Branch, Conversation, Generation, Output
from generation.references import GivenReference
from generation.submission import Beginning, Submitted
from generation.wishes import InvalidWish, Wish

NAME_MAX = 80
_WORDS_MAX = 28
# What an instruction says before it says what it is about.
_LEAD = re.compile(
    r"^(?:please\s+|now\s+)*(?:(?:make|turn|set|change|add|put|give|let|have)\s+)?(?:(?:it|this|them)\s+)?"
    r"(?:(?:to|into|a|an|the|be|some)\s+)*",
    re.IGNORECASE,
)


class NothingToContinue(Exception):
    """The conversation has no picture to go on from yet."""

    code = "nothing_to_continue"


def continue_from(
    *,
    user: User,
    image: Image,
    wish: Wish,
    references: list[GivenReference],
    now: datetime,
    fork: bool = False,
    api_key: ApiKey | None = None,
    expected_credits: int | None = None,
    key: idempotency.Key | None = None,
    retry_of: Generation | None = None,
) -> Submitted:
    """Go on from a picture: the last of its branch goes on there, an earlier one and `fork` begin a branch.

    The wish must have been checked with `continues`. Raises as `submission.submit` does, and

    :raises wishes.InvalidWish: the person may not see the picture, or not any more.
    """
    if not Image.objects.visible_to(user).filter(pk=image.pk).exists():
        raise unknown_picture()
    return submission.submit(
        user=user,
        wish=wish,
        references=references,
        now=now,
        api_key=api_key,
        expected_credits=expected_credits,
        key=key,
        turn=Beginning(image, fork=fork),
        retry_of=retry_of,
    )


def begin(
    *,
    user: User,
    wish: Wish,
    references: list[GivenReference],
    now: datetime,
    api_key: ApiKey | None = None,
    expected_credits: int | None = None,
    key: idempotency.Key | None = None,
) -> Submitted:
    """A new conversation with its first turn. Raises as `submission.submit` does."""
    return submission.submit(
        user=user,
        wish=wish,
        references=references,
        now=now,
        api_key=api_key,
        expected_credits=expected_credits,
        key=key,
        turn=Beginning(),
    )


@transaction.atomic
def begin_from(*, user: User, image: Image, now: datetime) -> tuple[Conversation, bool]:
    """The person's conversation that the picture belongs to, and whether it was begun by this call."""
    ledger.lock(user)
    found = branches.landing(user, image)
    if found.conversation is not None:
        return found.conversation, False
    return branches.place(user=user, image=image, now=now).conversation, True


def tip(conversation: Conversation) -> Image:
    """The picture a next turn goes on from where none is named: the newest turn's first.

    :raises NothingToContinue: it has none, or its newest turn is still being made.
    """
    turns = Generation.objects.filter(branch__conversation=conversation).exclude(status__in=branches.DEAD)
    newest = turns.order_by("pk").last()
    if newest is None:
        root = _seen(conversation.user, conversation.root_id)
        if root is None:
            raise NothingToContinue("This conversation has no picture to go on from.")
        return root
    if not newest.is_terminal:
        raise NothingToContinue(
            "The newest turn is still being made. Wait for it, or name the picture in continue_from."
        )
    there = newest.outputs.filter(image__isnull=False, image__trashed_at=None)
    output = there.select_related("image__original").first()
    if output is None or output.image is None:
        raise NothingToContinue("This conversation has no picture to go on from.")
    return output.image


def picture_of(conversation: Conversation, public_id: str) -> Image:
    """The picture of that id, as one of the conversation's.

    :raises wishes.InvalidWish: it isn't, or may not be seen any more.
    """
    outputs = Output.objects.filter(
        generation__branch__conversation=conversation, image__public_id=public_id, image__trashed_at=None
    )
    output = outputs.select_related("image__original").first()
    if output is not None and output.image is not None:
        return output.image
    root = _seen(conversation.user, conversation.root_id)
    if root is None or str(root.public_id) != str(public_id):
        raise InvalidWish(
            "continue_from", "not_in_conversation", "There is no such picture in this conversation."
        )
    return root


def of(user: User) -> QuerySet[Conversation]:
    """The person's conversations, for a keyset page."""
    return Conversation.objects.filter(user=user)


def counted(rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Each with `turns_count` and `branches_count`."""
    turns = Generation.objects.filter(branch__conversation=OuterRef("pk")).order_by()
    lines = Branch.objects.filter(conversation=OuterRef("pk")).order_by()
    return rows.annotate(
        turns_count=_count(turns.values("branch__conversation")),
        branches_count=_count(lines.values("conversation")),
    )


def _count(grouped: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(grouped.annotate(total=Count("pk")).values("total")), 0)


def kept_ratio(image: Image, size: ImageSize) -> str:
    """The picture's own ratio, or the nearest on offer to its pixels."""
    if image.aspect_ratio in size.ratios:
        return image.aspect_ratio
    across = image.original.width / image.original.height
    return min(size.ratios.values(), key=lambda ratio: abs(ratio.width / ratio.height / across - 1)).name


def rename(thing: Conversation | Branch | Generation, name: str) -> None:
    """Give it a name; an empty one brings back the name made from the instruction.

    :raises wishes.InvalidWish: it is too long or can't be stored.
    """
    name = " ".join(name.split())
    if len(name) > NAME_MAX:
        raise InvalidWish("name", "name_too_long", f"A name has at most {NAME_MAX} characters.")
    if "\x00" in name:
        raise InvalidWish("name", "name_invalid", "The name holds a character that can't be stored.")
    thing.name = name
    thing.save(update_fields=["name"])


def short_name(instruction: str) -> str:
    """A few words of an instruction: “Make it golden hour, with long shadows” is “Golden hour”."""
    line = " ".join(instruction.split())
    rest = _LEAD.sub("", line)
    rest = rest if len(rest) > 2 else line
    clause = re.split(r"[,.;:!?–—(]", rest, maxsplit=1)[0].strip() or rest
    if len(clause) > _WORDS_MAX:
        clause = clause[: _WORDS_MAX + 1].rsplit(" ", 1)[0][:_WORDS_MAX]
    return clause[:1].upper() + clause[1:]


def unknown_picture(field: str = "continue_from") -> InvalidWish:
    """What is answered for a picture that isn't there or may not be seen: the two are not told apart."""
    return InvalidWish(field, "unknown_picture", "This picture isn't there, or you may not see it any more.")


def _seen(user: User, image_id: int | None) -> Image | None:
    found: Image | None = (
        Image.objects.visible_to(user).filter(pk=image_id).select_related("original").first()
        if image_id
        else None
    )
    return found
