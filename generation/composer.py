"""The composer as a page shows it: what is drafted, what can be chosen, and what it costs."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from accounts import ledger
from accounts.models import User
from gallery import collections, files
from gallery.models import Image, Upload
from generation import catalog, health, pricing, routing
from generation.catalog import AspectRatio, Catalog, ImageSize, Model, ProviderFacts
from generation.models import Generation
from generation.pricing import Quote
from generation.routing import Wanted

COLLECTIONS_SHOWN = 200


@dataclass(frozen=True)
class Thumb:
    """A reference in the tray: an upload's or image's public id, its small picture, its name for readers."""

    id: str
    src: str
    name: str


@dataclass(frozen=True)
class Draft:
    """What a person has written and chosen so far.

    `temperature` and `top_p` are None at the model's default. `collection` is the public id of where the
    pictures are filed.
    """

    prompt: str = ""
    model: str = ""
    aspect_ratio: str = catalog.DEFAULT_RATIO
    image_size: str = ""
    count: int = 1
    provider: str = ""
    temperature: float | None = None
    top_p: float | None = None
    references: tuple[Thumb, ...] = ()
    collection: str = ""


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
    usable: bool = True


@dataclass(frozen=True)
class Composer:
    """The form with its price. `key` is the idempotency key of the next submit."""

    offered: Catalog
    draft: Draft
    model: Model
    quote: Quote
    available: int
    refusal: Refusal | None = None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    # Where the pictures can be filed: public ids and names.
    collections: tuple[tuple[str, str], ...] = ()

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
        return self.available // self.quote.price

    @property
    def models(self) -> tuple[Model, ...]:
        return self.offered.models

    @property
    def size(self) -> ImageSize:
        return self.model.size(self.draft.image_size) or self.model.sizes[0]

    @property
    def ratio(self) -> AspectRatio:
        return self.size.ratios[self.draft.aspect_ratio]

    @property
    def ratios(self) -> Iterable[AspectRatio]:
        """The shapes that somebody who is set up, or the chosen provider, can be told."""
        return [
            ratio
            for ratio in self.size.ratios.values()
            if self._can(replace(self._wanted(), aspect_ratio=ratio.name))
        ]

    @property
    def sizes(self) -> list[ImageSize]:
        """The sizes to choose from; none when there is no choice."""
        wanted = self._wanted()
        found = [size for size in self.model.sizes if self._can(replace(wanted, image_size=size.name))]
        return found if len(found) > 1 else []

    @property
    def anybody(self) -> bool:
        """Whether any provider is set up."""
        return any(facts.live for facts in self.offered.providers.values())

    @property
    def nobody_answers(self) -> bool:
        """Whether all providers that are set up are paused or resting."""
        return health.nobody_answers(self.offered.providers.values(), timezone.now())

    def _wanted(self) -> Wanted:
        return _wanted(self.model, self.draft)

    def _can(self, wanted: Wanted) -> bool:
        return routing.lacking(self.model, wanted, provider=self.draft.provider) is None

    @property
    def providers(self) -> list[Choice]:
        """Who can be chosen; who can't do what is drafted stays to be seen, with the reason."""
        wanted = self._wanted()
        known = []
        for offer in self.model.live_offers():
            missing = routing.lack(self.model, offer, wanted)
            note = f"{missing.it.capitalize()}" if missing else standing_words(offer.provider)
            known.append(Choice(offer.provider.name, offer.provider.title, note, usable=missing is None))
        return [Choice("", "Auto", "Easel chooses the provider"), *known]

    @property
    def provider_title(self) -> str:
        return self.offered.provider_title(self.draft.provider) if self.draft.provider else "Auto"

    @property
    def temperature(self) -> bool:
        """Whether the chosen provider has that dial."""
        return routing.honours(self.model, self.draft.provider, "temperature")

    @property
    def top_p(self) -> bool:
        return routing.honours(self.model, self.draft.provider, "top_p")

    @property
    def references_max(self) -> int:
        """The most references that can be given here."""
        return routing.references_max(self.model, self.draft.provider)

    @property
    def room(self) -> bool:
        """Whether another reference may be added."""
        return len(self.draft.references) < self.references_max


def _wanted(model: Model, draft: Draft) -> Wanted:
    """What a provider must be able to do for the draft."""
    return Wanted(
        aspect_ratio=draft.aspect_ratio,
        image_size=draft.image_size,
        references=len(draft.references),
        temperature=draft.temperature not in (None, model.temperature_default),
        top_p=draft.top_p not in (None, model.top_p_default),
    )


def compose(
    user: User, draft: Draft, refusal: Refusal | None = None, *, more_references: int = 0
) -> Composer:
    """The draft with its price, and what is not on offer any more replaced by what is.

    `more_references` are pictures that go along besides the draft's own.
    """
    offered = catalog.load()
    try:
        model = offered.find(draft.model)
    except catalog.UnknownModel:
        model = offered.anything
    size = model.size(draft.image_size) or model.sizes[0]
    ratio = draft.aspect_ratio if draft.aspect_ratio in size.ratios else catalog.DEFAULT_RATIO
    draft = replace(
        draft,
        model=model.id,
        image_size=size.name,
        aspect_ratio=ratio if ratio in size.ratios else next(iter(size.ratios)),
        count=max(1, min(draft.count, model.count_max)),
        provider=draft.provider if draft.provider in routing.names(model) else "",
    )
    draft = _possible(model, draft, more_references)
    filed = tuple((str(one), name) for one, name in _collections(user))
    if draft.collection not in dict(filed):
        draft = replace(draft, collection="")
    quote = pricing.quote(model=model, count=draft.count, image_size=draft.image_size)
    standing = ledger.standing(user)
    if refusal is None and standing.available < quote.credits:
        refusal = too_few(needed=quote.credits, available=standing.available, held=standing.held, quote=quote)
    return Composer(
        offered, draft, model, quote, available=standing.available, refusal=refusal, collections=filed
    )


def _collections(user: User) -> Iterable[tuple[uuid.UUID, str]]:
    rows = collections.fileable_by(user).order_by("name", "pk")
    return rows.values_list("public_id", "name")[:COLLECTIONS_SHOWN]


def _possible(model: Model, draft: Draft, more_references: int) -> Draft:
    """The draft without what nobody, or not the chosen provider, can do: shape and size at their defaults."""
    size, default = model.sizes[0], catalog.DEFAULT_RATIO
    plain = default if default in size.ratios else next(iter(size.ratios))
    plainer: tuple[Mapping[str, Any], ...] = (
        {},
        {"image_size": size.name},
        {"aspect_ratio": plain},
        {"aspect_ratio": plain, "image_size": size.name},
    )
    for changes in plainer:
        changed = replace(draft, **changes)
        wanted = _wanted(model, changed)
        wanted = replace(wanted, references=wanted.references + more_references)
        if routing.lacking(model, wanted, provider=draft.provider) is None:
            return changed
    return draft


def standing_words(provider: ProviderFacts) -> str:
    """How a provider is doing, for who chooses one: its trouble, else how long it takes."""
    standing = health.standing(provider, timezone.now())
    if standing.state in ("open", "resting"):
        return standing.detail
    mean = provider.health.seconds_mean
    return f"Usually {max(1, round(mean))} s" if mean is not None else ""


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
        image_size=data.get("image_size", ""),
        count=_count(data.get("count", "")),
        provider=data.get("provider", ""),
        temperature=_number(data.get("temperature", "")),
        top_p=_number(data.get("top_p", "")),
        references=thumbs(user, references),
        collection=data.get("collection", ""),
    )


def asked(user: User, query: Mapping[str, str]) -> Draft:
    """The draft that a link asks for.

    `again` is a generation to repeat, `prompt_of` an image whose prompt to reuse, `reference` an image to
    start from, `prompt` a text, `collection` where to file; an unknown or foreign id is as if it
    were not there.
    """
    draft = Draft(prompt=query.get("prompt", ""))
    if generation := _own(user, query.get("again", "")):
        draft = _of_generation(user, generation)
    elif image := _visible(user, query.get("prompt_of", "")):
        draft = Draft(prompt=image.prompt, model=image.model, aspect_ratio=image.aspect_ratio)
    if reference := query.get("reference"):
        added = thumbs(user, [reference])
        draft = replace(draft, references=(*draft.references, *added))
    if collection := query.get("collection"):
        draft = replace(draft, collection=collection)
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
        image_size=generation.image_size,
        count=generation.count,
        provider=generation.provider,
        temperature=generation.temperature,
        top_p=generation.top_p,
        references=thumbs(user, _reference_ids(user, generation)),
        collection=str(generation.collection.public_id) if generation.collection else "",
    )


def _reference_ids(user: User, generation: Generation) -> list[str]:
    """Ids by which its references can be given again; an upload that was deleted meanwhile is left out.

    The picture that a turn went on from comes first.
    """
    references = list(generation.references.select_related("image"))
    before = [str(generation.continues.public_id)] if generation.continues else []
    originals = [row.original_id for row in references if row.image is None]
    uploads = Upload.objects.filter(owner=user, original__in=originals).order_by("pk")
    by_original = {upload.original_id: str(upload.public_id) for upload in uploads}
    ids = [str(row.image.public_id) if row.image else by_original.get(row.original_id) for row in references]
    return [*before, *(known for known in ids if known)]


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
