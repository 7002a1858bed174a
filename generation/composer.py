"""The composer as a page shows it: what is drafted, what can be chosen, and what it costs."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from django.http import QueryDict

from accounts import ledger
from accounts.models import User
from gallery import files
from gallery.models import Image, Upload
from generation import catalog, pricing, routing
from generation.catalog import AspectRatio, Model
from generation.models import Generation
from generation.pricing import Quote


@dataclass(frozen=True)
class Thumb:
    """A reference in the tray: an upload's or image's public id, its small picture, its name for readers."""

    id: str
    src: str
    name: str


@dataclass(frozen=True)
class Draft:
    """What a person has written and chosen so far.

    `temperature` and `top_p` are None at the model's default.
    """

    prompt: str = ""
    model: str = catalog.DEFAULT_MODEL
    aspect_ratio: str = catalog.DEFAULT_RATIO
    count: int = 1
    provider: str = ""
    temperature: float | None = None
    top_p: float | None = None
    references: tuple[Thumb, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why nothing was made, in a strip on the composer.

    `make` is how many the credits would do for, `price` what one image costs when that is news.
    """

    lead: str
    more: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    credits: bool = False
    make: Quote | None = None
    price: int | None = None


@dataclass(frozen=True)
class Choice:
    """A provider to choose; the empty name is the router's own choice."""

    name: str
    title: str
    note: str = ""


@dataclass(frozen=True)
class Composer:
    """The form with its price. `key` is the idempotency key of the next submit."""

    draft: Draft
    model: Model
    quote: Quote
    available: int
    refusal: Refusal | None = None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def left(self) -> int:
        """Credits left after it; negative when there are too few."""
        return self.available - self.quote.credits

    @property
    def short(self) -> int:
        return -self.left

    @property
    def images_left(self) -> int:
        """How many images the available credits are worth."""
        return self.available // self.model.price

    @property
    def models(self) -> tuple[Model, ...]:
        return catalog.models()

    @property
    def ratio(self) -> AspectRatio:
        return self.model.ratios[self.draft.aspect_ratio]

    @property
    def ratios(self) -> Iterable[AspectRatio]:
        return self.model.ratios.values()

    @property
    def providers(self) -> list[Choice]:
        known = [Choice(name, routing.title(name)) for name in routing.names(self.model)]
        return [Choice("", "Auto", "Easel chooses the provider"), *known]

    @property
    def provider_title(self) -> str:
        return routing.title(self.draft.provider) if self.draft.provider else "Auto"

    @property
    def temperature(self) -> bool:
        """Whether the chosen provider has that dial."""
        return routing.honours(self.model, self.draft.provider, "temperature")

    @property
    def top_p(self) -> bool:
        return routing.honours(self.model, self.draft.provider, "top_p")

    @property
    def room(self) -> bool:
        """Whether another reference may be added."""
        return len(self.draft.references) < self.model.references_max


def compose(user: User, draft: Draft, refusal: Refusal | None = None) -> Composer:
    """The draft with its price, and what is not on offer any more replaced by what is."""
    try:
        model = catalog.find(draft.model)
    except catalog.UnknownModel:
        model = catalog.find(catalog.DEFAULT_MODEL)
    draft = replace(
        draft,
        model=model.id,
        aspect_ratio=draft.aspect_ratio if draft.aspect_ratio in model.ratios else catalog.DEFAULT_RATIO,
        count=max(1, min(draft.count, model.count_max)),
        provider=draft.provider if draft.provider in routing.names(model) else "",
    )
    quote = pricing.quote(model=model, count=draft.count)
    standing = ledger.standing(user)
    if refusal is None and standing.available < quote.credits:
        refusal = too_few(needed=quote.credits, available=standing.available, held=standing.held, quote=quote)
    return Composer(draft, model, quote, available=standing.available, refusal=refusal)


def too_few(*, needed: int, available: int, held: int, quote: Quote | None = None) -> Refusal:
    """What it costs and what there is, with what could be made instead of `quote`."""
    subject = "This costs"
    if quote:
        subject = "1 image costs" if quote.count == 1 else f"{quote.count} images cost"
    more = (f"{held} more {'is' if held == 1 else 'are'} on hold for what is being made.",) if held else ()
    affordable = available // quote.price if quote else 0
    return Refusal(
        f"{subject} {needed} credits, you have {available}.",
        more=more,
        credits=True,
        make=replace(quote, count=affordable) if quote and affordable else None,
    )


def posted(user: User, data: QueryDict, references: list[str]) -> Draft:
    """The draft of a form that was sent, whatever is in it."""
    return Draft(
        prompt=data.get("prompt", "").replace("\r\n", "\n"),
        model=data.get("model", ""),
        aspect_ratio=data.get("aspect_ratio", ""),
        count=_count(data.get("count", "")),
        provider=data.get("provider", ""),
        temperature=_number(data.get("temperature", "")),
        top_p=_number(data.get("top_p", "")),
        references=thumbs(user, references),
    )


def asked(user: User, query: Mapping[str, str]) -> Draft:
    """The draft that a link asks for.

    `again` is a generation to repeat, `prompt_of` an image whose prompt to reuse, `reference` an image to
    start from, `prompt` a text; an unknown or foreign id is as if it were not there.
    """
    draft = Draft(prompt=query.get("prompt", ""))
    if generation := _own(user, query.get("again", "")):
        draft = _of_generation(user, generation)
    elif image := _visible(user, query.get("prompt_of", "")):
        draft = Draft(prompt=image.prompt, model=image.model, aspect_ratio=image.aspect_ratio)
    if reference := query.get("reference"):
        added = thumbs(user, [reference])
        draft = replace(draft, references=(*draft.references, *added))
    return draft


def thumbs(user: User, ids: list[str]) -> tuple[Thumb, ...]:
    """The person's uploads and the images they may see among `ids`, in that order."""
    wanted = [text for text in ids if _uuid(text)]
    if not wanted:
        return ()
    found = {
        str(upload.public_id): Thumb(
            str(upload.public_id), files.upload_path(upload, "320"), upload.file_name or "Reference"
        )
        for upload in Upload.objects.filter(owner=user, public_id__in=wanted).select_related("original")
    }
    for image in Image.objects.visible_to(user).filter(public_id__in=wanted).select_related("original"):
        found[str(image.public_id)] = Thumb(
            str(image.public_id), files.image_path(image, "320"), image.prompt[:80]
        )
    return tuple(found[known] for known in map(_canonical, wanted) if known in found)


def _of_generation(user: User, generation: Generation) -> Draft:
    return Draft(
        prompt=generation.prompt,
        model=generation.model,
        aspect_ratio=generation.aspect_ratio,
        count=generation.count,
        provider=generation.provider,
        temperature=generation.temperature,
        top_p=generation.top_p,
        references=thumbs(user, _reference_ids(user, generation)),
    )


def _reference_ids(user: User, generation: Generation) -> list[str]:
    """Ids by which its references can be given again; an upload that was deleted meanwhile is left out."""
    references = list(generation.references.select_related("image"))
    originals = [row.original_id for row in references if row.image is None]
    uploads = Upload.objects.filter(owner=user, original__in=originals).order_by("pk")
    by_original = {upload.original_id: str(upload.public_id) for upload in uploads}
    ids = [str(row.image.public_id) if row.image else by_original.get(row.original_id) for row in references]
    return [known for known in ids if known]


def _own(user: User, text: str) -> Generation | None:
    if not (public_id := _uuid(text)):
        return None
    found: Generation | None = Generation.objects.filter(user=user, public_id=public_id).first()
    return found


def _visible(user: User, text: str) -> Image | None:
    if not (public_id := _uuid(text)):
        return None
    found: Image | None = Image.objects.visible_to(user).filter(public_id=public_id).first()
    return found


def is_id(text: str) -> bool:
    """Whether the text can be a public id."""
    return _uuid(text) is not None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _canonical(text: str) -> str:
    return str(uuid.UUID(text))


def _count(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 1


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
