"""The refine box: what the next turn from a picture would be, where it lands, who makes it, what it costs."""

from dataclasses import dataclass, fields, replace

from django.http import QueryDict

from accounts.models import User
from gallery.models import Image
from generation import catalog, composer, conversations, specs
from generation.branches import Landing
from generation.catalog import Catalog
from generation.composer import Choice, Composer, Draft, Refusal
from generation.routing import Wanted
from generation.turns import Tree

RESTARTS = "Restarts from the picture"


@dataclass(frozen=True)
class Refiner(Composer):
    """The composer for a turn. `holder` is the provider that remembers the conversation, if any does.

    `forks_from` is how the turn is called that a new branch would start from; empty where none would.
    """

    holder: str = ""
    forks_from: str = ""
    fork: bool = False

    @property
    def room(self) -> bool:
        """Whether another reference may be added; the picture itself takes a place."""
        return len(self.draft.references) < self.references_max

    @property
    def references_max(self) -> int:
        return max(0, super().references_max - 1)

    @property
    def placeholder(self) -> str:
        """What the empty box says."""
        if self.forks_from:
            return f"This starts a new branch from {self.forks_from}"
        return "Describe the next change…"

    @property
    def providers(self) -> list[Choice]:
        """As in the composer, with who goes on in the conversation and who starts from the picture."""
        auto, *known = super().providers
        if not self.holder:
            return [auto, *known]
        title = self.offered.provider_title(self.holder)
        return [
            replace(auto, note=f"Goes on at {title} while it answers"),
            *(replace(choice, note=self._note(choice)) for choice in known),
        ]

    @property
    def restarts(self) -> bool:
        """Whether the chosen provider has to start from the picture, though another one remembers more."""
        return bool(self.holder and self.draft.provider and self.draft.provider != self.holder)

    def _note(self, choice: Choice) -> str:
        said = "Holds this conversation" if choice.name == self.holder else RESTARTS
        return f"{said} · {choice.note}" if choice.note else said

    def _wanted(self) -> Wanted:
        wanted = super()._wanted()
        return replace(wanted, references=wanted.references + 1)


def drafted(image: Image) -> Draft:
    """An empty draft that keeps the picture's model and ratio."""
    model = _model(image, catalog.load())
    ratio = conversations.kept_ratio(image, model.sizes[0]) if model else image.aspect_ratio
    size = model.size(size_of(image, model)) if model else None
    return Draft(model=model.id if model else "", aspect_ratio=ratio, image_size=size.name if size else "")


def posted(user: User, image: Image, data: QueryDict, references: list[str]) -> Draft:
    """The draft of a form that was sent, whatever is in it."""
    return replace(composer.posted(user, data, references), count=1)


def refiner(
    user: User,
    image: Image,
    tree: Tree,
    draft: Draft,
    refusal: Refusal | None = None,
    *,
    landing: Landing,
    fork: bool = False,
) -> Refiner:
    """The box for the next turn from the picture, which stands in that tree and lands there."""
    base = composer.compose(user, draft, refusal, more_references=1)
    return Refiner(
        **{field.name: getattr(base, field.name) for field in fields(Composer)},
        holder=specs.turn_from(image, user_id=user.pk).holder(base.model),
        forks_from=_forks_from(tree, image, landing, fork),
        fork=fork,
    )


def size_of(image: Image, model: catalog.Model) -> str:
    """The name of the model's size whose pixels the picture has; the smallest where none has."""
    original = image.original
    for size in model.sizes:
        ratio = size.ratios.get(image.aspect_ratio)
        if ratio and (ratio.width, ratio.height) == (original.width, original.height):
            return size.name
    return model.sizes[0].name


def _model(image: Image, offered: Catalog) -> catalog.Model | None:
    try:
        return offered.find(image.model)
    except catalog.UnknownModel:
        return offered.default if offered.models else None


def _forks_from(tree: Tree, image: Image, landing: Landing, fork: bool) -> str:
    if not landing.forks and not (fork and landing.source is not None):
        return ""
    turn = tree.of(image)
    if turn is None:
        return "this picture"
    called = turn.label[:1].lower() + turn.label[1:]
    several = f", picture {turn.images.index(image) + 1}" if len(turn.images) > 1 else ""
    return f"{called}{several}"
