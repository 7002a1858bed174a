"""What admins do to providers, models and routing: a verb checks who acts, does it and records it.

Pages, Django's admin and commands call these alone. Rows come cleaned (`full_clean`). A key is sealed here
and is in no record; that one was entered or forgotten is.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models, transaction

from accounts import acts, sealing
from accounts.acts import HERE, Origin
from accounts.administration import check_permission
from accounts.models import User
from generation import health, provider_rules
from generation.models import ImageModel, Offer, Provider, RoutingPolicy
from generation.providers.formats import FORMATS

SET_PROVIDERS = "generation.set_providers"
# Any of these changed, what was wrong before says nothing any more.
ANEW = ("format", "base_url", "sealed_key", "options", "enabled")

Row = TypeVar("Row", bound=models.Model)


def enter_key(provider: Provider, key: str) -> None:
    """Seal a key into the row, which then is no stand-in any more; nothing is saved.

    :raises ValidationError: no key looks like this.
    """
    key = provider_rules.clean_key(key)
    provider.sealed_key, provider.key_hint = sealing.seal(key), provider_rules.hint_of(key)
    provider.emulated = False


def check_key_stays(provider: Provider) -> None:
    """Whether the key that is kept may go where the row now leads; a new address asks for it again.

    :raises ValidationError: who changes an address alone would have the old key sent there.
    """
    earlier = Provider.objects.filter(pk=provider.pk).first()
    if earlier is None or not earlier.sealed_key or earlier.sealed_key != provider.sealed_key:
        return
    if (earlier.format, _origin(earlier)) != (provider.format, _origin(provider)):
        raise ValidationError("Enter the key again: the kept one is not sent to another address.")


def _origin(provider: Provider) -> str:
    kind = FORMATS.get(provider.format)
    parts = urlsplit(provider.base_url or (kind.base_url if kind else ""))
    return f"{parts.scheme}://{parts.netloc}".lower()


def forget_key(provider: Provider) -> None:
    """Take the key out of the row; nothing is saved."""
    provider.sealed_key = provider.key_hint = ""


@transaction.atomic
def save_provider(*, by: User | None, provider: Provider, origin: Origin = HERE) -> None:
    """Add a provider, or keep what was changed of one.

    :raises NotAllowed: :raises ValidationError: its kept key would go to another address.
    """
    check_permission(by, SET_PROVIDERS)
    earlier = Provider.objects.select_for_update().filter(pk=provider.pk).first()
    check_key_stays(provider)
    if provider.base_url:
        provider.emulated = False
    provider.save()
    _record(by, "provider", provider, earlier, facts_of_provider, origin)
    if earlier is not None and any(getattr(earlier, name) != getattr(provider, name) for name in ANEW):
        health.reset(provider.name)


@transaction.atomic
def switch(*, by: User | None, provider: Provider, on: bool, origin: Origin = HERE) -> None:
    """Give a provider work, or none any more; what it has been sent comes to its end.

    :raises NotAllowed: :raises ValidationError: it has no key.
    """
    check_permission(by, SET_PROVIDERS)
    current = Provider.objects.select_for_update().get(pk=provider.pk)
    if current.enabled != on:
        current.enabled = on
        if on:
            current.full_clean()
        save_provider(by=by, provider=current, origin=origin)


@transaction.atomic
def save_model(*, by: User | None, model: ImageModel, origin: Origin = HERE) -> None:
    """Add a model, or keep what was changed of one; what was asked for before keeps its price.

    :raises NotAllowed:
    """
    check_permission(by, SET_PROVIDERS)
    earlier = ImageModel.objects.select_for_update().filter(pk=model.pk).first()
    model.save()
    _record(by, "model", model, earlier, facts_of_model, origin)


@transaction.atomic
def save_offer(*, by: User | None, offer: Offer, origin: Origin = HERE) -> None:
    """Offer a model at a provider, or change how.

    :raises NotAllowed:
    """
    check_permission(by, SET_PROVIDERS)
    earlier = Offer.objects.select_for_update().filter(pk=offer.pk).first()
    offer.save()
    _record(by, "offer", offer, earlier, facts_of_offer, origin)


@transaction.atomic
def delete(*, by: User | None, row: Provider | ImageModel | Offer, origin: Origin = HERE) -> None:
    """Take away a row that nothing was made with.

    :raises NotAllowed:
    """
    check_permission(by, SET_PROVIDERS)
    kind, facts = _KINDS[type(row)]
    acts.record(
        by=by,
        verb=f"delete_{kind}",
        subject=row,
        before=facts(row),
        after={},
        reason="",
        origin=origin,
    )
    row.delete()


@transaction.atomic
def set_routing(*, by: User | None, policy: str, fail_over: bool, origin: Origin = HERE) -> None:
    """How a provider is chosen where the person chose none.

    :raises NotAllowed: :raises ValidationError: there is no such policy.
    """
    check_permission(by, SET_PROVIDERS)
    RoutingPolicy.objects.get_or_create(pk=1)
    earlier = RoutingPolicy.objects.select_for_update().get(pk=1)
    changed = RoutingPolicy(pk=1, policy=policy, fail_over=fail_over)
    changed.full_clean(validate_unique=False, validate_constraints=False)
    changed.save(force_update=True)
    _record(by, "routing", changed, earlier, facts_of_policy, origin)


def facts_of_provider(provider: Provider) -> dict[str, Any]:
    """What the record keeps of it. Of a key only that there is one, and its end."""
    key = f"ends in {provider.key_hint}" if provider.key_hint else "set"
    return {
        "name": provider.title,
        "format": provider.format,
        "address": provider.base_url or "the vendor's own",
        "key": key if provider.sealed_key else "none",
        "options": json.dumps(provider.options, sort_keys=True) if provider.options else "none",
        "on": "yes" if provider.enabled else "no",
        "order": provider.position,
        "weight": provider.weight,
        "calls at once": provider.concurrency_max,
        "calls a minute": provider.per_minute_max,
    }


def facts_of_model(model: ImageModel) -> dict[str, Any]:
    """What the record keeps of it; each size in a line of its own."""
    sizes = {f"size {size['name']}".strip(): _size_words(size) for size in model.sizes}
    return {
        "name": model.name,
        "other names": ", ".join(model.aliases) or "none",
        **sizes,
        "images at once": model.count_max,
        "references": model.references_max,
        "characters of a prompt": model.prompt_max,
        "highest temperature": f"{model.temperature_max:g}",
        "temperature": f"{model.temperature_default:g}",
        "top-p": f"{model.top_p_default:g}",
        "on": "yes" if model.enabled else "no",
        "order": model.position,
    }


def facts_of_offer(offer: Offer) -> dict[str, Any]:
    """What the record keeps of it; each size's cost in a line of its own."""
    return {
        "model": offer.model.name,
        "vendor's name": offer.vendor_model,
        "with references": offer.edit_model or "the same",
        "abilities": json.dumps(offer.abilities, sort_keys=True) if offer.abilities else "the format's",
        **{f"cost {size}".strip(): f"${cost}" for size, cost in offer.costs.items()},
        "on": "yes" if offer.enabled else "no",
    }


def facts_of_policy(policy: RoutingPolicy) -> dict[str, Any]:
    """What the record keeps of it."""
    return {"policy": policy.get_policy_display(), "fail over": "yes" if policy.fail_over else "no"}


def _size_words(size: dict[str, Any]) -> str:
    shapes = ", ".join(f"{ratio} {width} × {height}" for ratio, (width, height) in size["ratios"].items())
    return f"{size['price']:,} credits; {shapes}"


_KINDS: dict[type[models.Model], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    Provider: ("provider", facts_of_provider),
    ImageModel: ("model", facts_of_model),
    Offer: ("offer", facts_of_offer),
}


def _record(
    by: User | None,
    kind: str,
    row: Row,
    earlier: Row | None,
    facts: Callable[[Row], dict[str, Any]],
    origin: Origin,
) -> None:
    """Write the act when something changed. A key that was entered anew counts, though it looks the same."""
    before, after = facts(earlier) if earlier is not None else {}, facts(row)
    if isinstance(row, Provider) and isinstance(earlier, Provider) and row.sealed_key != earlier.sealed_key:
        after["key"] = f"{after['key']}, entered anew" if row.sealed_key else after["key"]
    if before == after:
        return
    acts.record(
        by=by,
        verb=f"set_{kind}" if earlier is not None else f"add_{kind}",
        subject=row,
        before=before,
        after=after,
        reason="",
        origin=origin,
    )
