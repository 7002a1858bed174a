"""Share links: what they show to whom, for how long, and how they end.

`resolve` is the one way from a token to pictures: page, files, downloads, previews and cards all take it, so
that none of them shows what the others would not. What is unknown, over, revoked or empty is one refusal.
"""

import hashlib
import secrets
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Unpack

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import Membership, User
from gallery import link_terms
from gallery.link_terms import InvalidTerms, Terms
from gallery.models import Collection, Image, SharedImage, ShareLink

IMAGES_MAX = 10_000
"""Of one link that is pinned."""
VIEW_SECONDS = 30 * 60
"""Within it the same visitor's next look is no new view."""
PASS_SECONDS = 12 * 60 * 60
"""How long a password that was given need not be given again."""
_NONCE_BYTES = 16
_TOKEN_BYTES = 18  # 144 bits, 24 letters of Base64
_SALT = "gallery.links"

Gate = Literal["", "password", "view"]
"""What stands before the pictures: nothing, a password, or a look that counts against the limit of views."""
State = Literal["live", "expired", "used up", "revoked"]


class Gone(Exception):
    """There is nothing to show under this address, to this visitor; never said why."""


class AddressLost(Exception):
    """The link was made under a `SECRET_KEY` that is no longer known. It works, but can't be written out."""


@dataclass(frozen=True)
class Visitor:
    """Who looks: the person if signed in, and the pass an earlier answer gave them."""

    user_id: int | None = None
    given_pass: str = ""


@dataclass(frozen=True)
class Resolved:
    """A link that stands. Behind a `gate` nothing but a blurred placeholder is shown.

    `is_seen` says that this visitor's view was counted a short while ago.
    """

    link: ShareLink
    gate: Gate
    is_seen: bool

    @cached_property
    def images(self) -> QuerySet[Image]:
        """What it shows right now, in its order."""
        return shown_by(self.link)

    def image(self, public_id: uuid.UUID) -> Image:
        """One of its images, not before the gate is open.

        :raises Gone:
        """
        found = None if self.gate else self.images.filter(public_id=public_id).first()
        if found is None:
            raise Gone
        return found


# Making and changing


def create(
    owner: User,
    *,
    images: Sequence[int] = (),
    collection: Collection | None = None,
    now: datetime,
    **terms: Unpack[Terms],
) -> ShareLink:
    """Make a link to images by their row ids, in this order, or to a collection. It ends after 30 days
    unless `expires_at` says otherwise.

    A person shares pictures of their own, and a collection of their own with what is in it that they see.

    :raises InvalidTerms: also for images and a collection that aren't theirs.
    """
    if bool(images) == (collection is not None):
        raise InvalidTerms("images", "Share pictures or a collection, one of the two.")
    if collection is not None and collection.owner_id != owner.pk:
        raise InvalidTerms("collection", "Only its owner can share a collection by a link.")
    link = ShareLink(
        owner=owner, collection=collection, nonce=secrets.token_bytes(_NONCE_BYTES), created_at=now
    )
    link.title = link_terms.usual_title(owner, images, collection)
    link.expires_at = now + link_terms.USUAL_LIFE
    link_terms.apply(link, link_terms.ready(terms), now=now)
    link.token_sha256 = _digest(_token(link, settings.SECRET_KEY))
    with transaction.atomic():
        link.save(force_insert=True)
        if not link.is_live:
            _pin(link, _own(owner, images) if collection is None else _ids_of(collection, owner))
    return link


def change(link: ShareLink, *, now: datetime, **terms: Unpack[Terms]) -> ShareLink:
    """Change what is named; holds from the next request on.

    :raises InvalidTerms: also for a link that is revoked.
    """
    wanted = link_terms.ready(terms)
    with transaction.atomic():
        changed = ShareLink.objects.select_for_update().get(pk=link.pk)
        if changed.revoked_at is not None:
            raise InvalidTerms("", "This link is revoked, for good. Make a new one.")
        was_live = changed.is_live
        columns = link_terms.apply(changed, wanted, now=now)
        if was_live != changed.is_live and changed.collection is not None:
            SharedImage.objects.filter(link=changed).delete()
            if not changed.is_live:
                _pin(changed, _ids_of(changed.collection, changed.owner))
        if columns:
            changed.save(update_fields=columns)
    return changed


def revoke(link: ShareLink, *, now: datetime) -> None:
    """End it at once and for good, files too. Repeating it changes nothing."""
    ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=now)
    link.refresh_from_db(fields=["revoked_at"])


def revoke_all(owner: User, *, now: datetime) -> int:
    """End all of a person's links; how many that were."""
    return ShareLink.objects.filter(owner=owner, revoked_at=None).update(revoked_at=now)


def address_of(link: ShareLink) -> str:
    """Where it is opened; absolute, by `settings.SITE_URL`.

    :raises AddressLost:
    """
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        token = _token(link, key)
        if constant_time_compare(_digest(token), link.token_sha256):
            return f"{settings.SITE_URL}{reverse('shared:page', args=[token])}"
    raise AddressLost


def state_of(link: ShareLink, *, now: datetime) -> State:
    """What its owner reads of it."""
    if link.revoked_at is not None:
        return "revoked"
    if link.expires_at is not None and link.expires_at <= now:
        return "expired"
    if link.views_max is not None and link.views >= link.views_max:
        return "used up"
    return "live"


def live_of(owner: User, *, now: datetime) -> QuerySet[ShareLink]:
    """A person's links that can still be opened, newest first."""
    unspent = Q(views_max=None) | Q(views__lt=F("views_max"))
    alive = Q(expires_at=None) | Q(expires_at__gt=now)
    return ShareLink.objects.filter(unspent, alive, owner=owner, revoked_at=None).order_by("-pk")


def shown_by(link: ShareLink) -> QuerySet[Image]:
    """What it shows right now, in its order: what its owner sees, out of the trash, and without a collection
    only what is theirs."""
    images: QuerySet[Image] = Image.objects.visible_to(link.owner).select_related("original", "owner")
    if link.is_live:
        return images.filter(collection_items__collection=link.collection_id).order_by(
            "collection_items__position", "collection_items__pk"
        )
    if link.collection_id is None:
        images = images.filter(owner=link.owner_id)
    return images.filter(shared_images__link=link).order_by("shared_images__position")


# Looking


def resolve(token: str, visitor: Visitor, *, now: datetime) -> Resolved:
    """The link of that token as this visitor finds it.

    :raises Gone: when it is unknown, over, used up or revoked, its owner is deactivated or left the team it
        is for, the visitor isn't of that team, or nothing is left of what it showed.
    """
    link = _find(token, visitor)
    if link is None or not _stands(link, now):
        raise Gone
    opened_at = _opened_at(link, visitor.given_pass, now)
    is_seen = opened_at is not None and now.timestamp() - opened_at < VIEW_SECONDS
    if not is_seen and link.views_max is not None and link.views >= link.views_max:
        raise Gone
    if not shown_by(link).exists():
        raise Gone
    gate: Gate = ""
    if link.password and opened_at is None:
        gate = "password"
    elif link.views_max is not None and not is_seen:
        gate = "view"
    return Resolved(link, gate, is_seen)


def open_for(resolved: Resolved, *, now: datetime) -> str:
    """Count a view, and give the visitor the pass that says so. A password was checked before.

    :raises Gone: when others took the last view meanwhile, or the link ended.
    """
    link = resolved.link
    unspent = Q(views_max=None) | Q(views__lt=F("views_max"))
    counted = ShareLink.objects.filter(unspent, pk=link.pk, revoked_at=None).update(
        views=F("views") + 1, last_viewed_at=now
    )
    if not counted:
        raise Gone
    return signing.dumps([link.public_id.hex, _fingerprint(link), int(now.timestamp())], salt=_SALT)


def count_download(link: ShareLink) -> None:
    ShareLink.objects.filter(pk=link.pk).update(downloads=F("downloads") + 1)


def _find(token: str, visitor: Visitor) -> ShareLink | None:
    """By one query whatever comes of it, so that how long it takes says little."""
    of_team = Membership.objects.filter(team=OuterRef("team"))
    links = ShareLink.objects.select_related("owner", "collection").annotate(
        owner_is_member=Exists(of_team.filter(user=OuterRef("owner"))),
        visitor_is_member=Exists(of_team.filter(user=visitor.user_id or 0)),
    )
    return links.filter(token_sha256=_digest(token)).first()


def _stands(link: Any, now: datetime) -> bool:
    if link.revoked_at is not None or (link.expires_at is not None and link.expires_at <= now):
        return False
    if not link.owner.is_active:
        return False
    if link.collection is not None and link.collection.owner_id != link.owner_id:
        return False
    if link.audience == ShareLink.Audience.TEAM:
        return bool(link.owner_is_member and link.visitor_is_member)
    return True


def _opened_at(link: ShareLink, given_pass: str, now: datetime) -> int | None:
    """When the pass was given, if it is for this link as it is protected now."""
    try:
        link_id, fingerprint, opened_at = signing.loads(given_pass, salt=_SALT)
    except (signing.BadSignature, TypeError, ValueError):
        return None
    is_of_it = link_id == link.public_id.hex and constant_time_compare(fingerprint, _fingerprint(link))
    return opened_at if is_of_it and now.timestamp() - opened_at < PASS_SECONDS else None


def _fingerprint(link: ShareLink) -> str:
    """Another one with each new password."""
    return (
        salted_hmac(f"{_SALT}.password", link.password, algorithm="sha256").hexdigest()[:20]
        if link.password
        else ""
    )


def _token(link: ShareLink, key: str | bytes) -> str:
    secret = salted_hmac(_SALT, link.public_id.bytes + bytes(link.nonce), secret=key, algorithm="sha256")
    return urlsafe_b64encode(secret.digest()[:_TOKEN_BYTES]).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


# What is pinned


def _own(owner: User, ids: Sequence[int]) -> list[int]:
    """:raises InvalidTerms: when one isn't the owner's, or is in the trash."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > IMAGES_MAX:
        raise InvalidTerms("images", f"A link shows up to {IMAGES_MAX:,} pictures. Choose fewer.")
    found = set(Image.objects.kept().filter(owner=owner, pk__in=wanted).values_list("pk", flat=True))
    if len(found) != len(wanted):
        raise InvalidTerms("images", "Only pictures of your own can be shared by a link.")
    return wanted


def _ids_of(collection: Collection, owner: User) -> list[int]:
    images = Image.objects.visible_to(owner).filter(collection_items__collection=collection)
    ordered = images.order_by("collection_items__position", "collection_items__pk")
    found = list(ordered.values_list("pk", flat=True)[:IMAGES_MAX])
    if not found:
        raise InvalidTerms("collection", "There is no picture in this collection yet.")
    return found


def _pin(link: ShareLink, ids: Sequence[int]) -> None:
    SharedImage.objects.bulk_create(
        (SharedImage(link=link, image_id=pk, position=place) for place, pk in enumerate(ids, start=1)),
        batch_size=500,
    )
