"""A conversation as it is read: its turns in order, by branches, with their pictures, names and credits."""

from dataclasses import dataclass
from functools import cached_property

from django.db.models import Prefetch

from accounts.models import User
from gallery.models import Image
from generation import branches
from generation.branches import Landing
from generation.conversations import short_name
from generation.models import Attempt, Branch, Conversation, Generation, GenerationQuerySet, Output


@dataclass(frozen=True)
class Turn:
    """One instruction and what came of it. `number` counts from 1 along its path; `parent` is its picture.

    `images` are those that can be looked at; `made` is these and those in the trash.
    """

    generation: Generation
    branch: Branch
    number: int
    first_of_branch: bool
    parent: Image | None
    images: tuple[Image, ...]
    made: tuple[Image, ...]

    @property
    def public_id(self) -> str:
        return str(self.generation.public_id)

    @property
    def name(self) -> str:
        """As the person called it, or a few words of its instruction."""
        return self.generation.name or short_name(self.generation.prompt)

    @property
    def label(self) -> str:
        """“Turn 3” on the trunk, “Branch B” where one begins, then “Branch B, turn 4”."""
        if self.branch.number == 0:
            return f"Turn {self.number}"
        called = f"Branch {self.branch.letter}"
        return called if self.first_of_branch else f"{called}, turn {self.number}"

    @property
    def unfinished(self) -> bool:
        return not self.generation.is_terminal

    @property
    def dead(self) -> bool:
        """It has ended and made nothing."""
        return self.generation.status in branches.DEAD

    @property
    def emptied(self) -> bool:
        """It made pictures, and all of them are in the trash or deleted."""
        return not (self.unfinished or self.dead or self.images)

    @property
    def credits(self) -> int:
        """What was charged and not refunded."""
        return self.generation.credits_captured

    @property
    def held(self) -> int:
        """What is still set aside for it."""
        return 0 if self.generation.hold.settled_at else self.generation.hold.amount

    @property
    def seconds(self) -> float | None:
        """From its start to its end; None before either."""
        start, end = self.generation.started_at, self.generation.finished_at
        return (end - start).total_seconds() if start and end else None

    @property
    def queued(self) -> float | None:
        """Seconds from the asking to the start."""
        start = self.generation.started_at
        return (start - self.generation.created_at).total_seconds() if start else None

    @property
    def delivered(self) -> Attempt | None:
        """The attempt that brought its first picture."""
        done = (one for one in self.generation.attempts.all() if one.status == Attempt.Status.DELIVERED)
        return next(done, None)

    @property
    def description(self) -> str:
        """The model's own sentence about what it made."""
        return self.delivered.description if self.delivered else ""

    @property
    def restarted(self) -> bool:
        """Its provider did not hold the conversation, so it began from the picture."""
        return bool(self.delivered and self.delivered.choice.get("restarted"))


@dataclass(frozen=True)
class Line:
    """A branch with its turns. Amounts are credits."""

    branch: Branch
    turns: tuple[Turn, ...]

    @property
    def name(self) -> str:
        return self.branch.name or ("Trunk" if self.branch.number == 0 else f"Branch {self.branch.letter}")

    @property
    def credits(self) -> int:
        return sum(turn.credits for turn in self.turns)

    @property
    def held(self) -> int:
        return sum(turn.held for turn in self.turns)


@dataclass(frozen=True)
class Tree:
    """A conversation, or what would become one: a generation alone, or a picture of somebody else's alone."""

    conversation: Conversation | None
    root: Image | None
    lines: tuple[Line, ...]

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """All of them, the oldest first."""
        every = [turn for line in self.lines for turn in line.turns]
        return tuple(sorted(every, key=lambda turn: turn.generation.pk))

    @property
    def name(self) -> str:
        """As the person called it, or after its first turn."""
        given = self.conversation.name if self.conversation else ""
        return given or (self.turns[0].name if self.turns else "")

    @property
    def credits(self) -> int:
        return sum(line.credits for line in self.lines)

    @property
    def held(self) -> int:
        return sum(line.held for line in self.lines)

    def of(self, image: Image | None) -> Turn | None:
        """The turn that made the picture."""
        return self._makers.get(image.pk) if image else None

    def line_of(self, turn: Turn) -> Line:
        return next(line for line in self.lines if line.branch.number == turn.branch.number)

    def path(self, turn: Turn) -> tuple[Turn, ...]:
        """The turns that led to it, and it."""
        found = [turn]
        while (before := self.of(found[-1].parent)) is not None:
            found.append(before)
        return tuple(reversed(found))

    def after(self, image: Image) -> tuple[Turn, ...]:
        """The turns that go on from the picture."""
        return tuple(turn for turn in self.turns if turn.parent == image)

    @cached_property
    def _makers(self) -> dict[int, Turn]:
        return {image.pk: turn for turn in self.turns for image in turn.made}


def tree(conversation: Conversation, *, whole: bool = False) -> Tree:
    """The conversation in a constant number of queries. `whole` reads all that an API answer shows."""
    rows = Generation.objects.filter(branch__conversation=conversation).order_by("pk")
    generations = list(rows.as_answered(conversation.user_id) if whole else _read(rows))
    known = {branch.pk: branch for branch in conversation.branches.select_related("forked_from")}
    root = None
    if conversation.root_id:
        seen = Image.objects.visible_to(conversation.user).filter(pk=conversation.root_id)
        root = seen.select_related("original").first()
    return Tree(conversation, root, _lines(generations, list(known.values()), root))


def tree_of(user: User, image: Image, *, landing: Landing | None = None) -> Tree:
    """The person's conversation that the picture belongs to, or what would become one.

    `landing` is where the next turn lands, when that was asked for already.
    """
    found = landing or branches.landing(user, image)
    if found.conversation is not None:
        return tree(found.conversation)
    if found.source is None:
        return Tree(None, image, ())
    (source,) = _read(Generation.objects.filter(pk=found.source.pk))
    return Tree(None, None, _lines([source], [Branch(number=0)], None))


def _lines(generations: list[Generation], known: list[Branch], root: Image | None) -> tuple[Line, ...]:
    """The turns by branches. A turn's number is one more than that of the turn it goes on from.

    Where the picture it went on from was deleted for good, that is the last of its branch before it.
    """
    by_branch: dict[int | None, list[Turn]] = {branch.pk: [] for branch in known}
    called: dict[int | None, Branch] = {branch.pk: branch for branch in known}
    makers: dict[int, Turn] = {}
    before_of: dict[int, Turn | None] = {}
    pictures = {image.pk: image for row in generations for image in row.images_and_trashed}
    if root is not None:
        pictures[root.pk] = root
    for row in generations:
        branch = called[row.branch_id]
        if row.continues_id:
            before = makers.get(row.continues_id)
        elif row.retry_of_id in before_of:
            before = before_of[row.retry_of_id]
        else:
            before = next((turn for turn in reversed(by_branch[branch.pk]) if not turn.dead), None)
        before_of[row.pk] = before
        turn = Turn(
            generation=row,
            branch=branch,
            number=before.number + 1 if before else 1,
            first_of_branch=all(other.dead for other in by_branch[branch.pk]),
            parent=pictures.get(row.continues_id) if row.continues_id else None,
            images=tuple(row.images),
            made=tuple(row.images_and_trashed),
        )
        by_branch[branch.pk].append(turn)
        makers.update(dict.fromkeys((image.pk for image in turn.made), turn))
    return tuple(Line(branch, tuple(by_branch[branch.pk])) for branch in known)


def _read(rows: GenerationQuerySet) -> GenerationQuerySet:
    outputs = Output.objects.select_related("image__original")
    return rows.select_related("hold").prefetch_related(Prefetch("outputs", outputs), "attempts")
