"""Sharing: the dialog for pictures or a collection, which is a page too, and the page of all one's links.

Asked for with `HX-Request` the dialog's inner part is answered, which `share.js` puts into a `<dialog>`.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import teams
from accounts.models import Membership, Team, User
from accounts.people import signed_in
from gallery import browsing, collections, links, sharing
from gallery.link_terms import InvalidTerms
from gallery.models import Collection, Image, SharedImage, ShareLink
from gallery.share_forms import LinkForm

IMAGES_MAX = 200
"""Of a selection that comes in an address or a form; a larger one is shared by `links.create`."""
PAGE = 50
_LISTED = 5


@dataclass(frozen=True)
class Subject:
    """What is to be shared: images of the person's own, or a collection of theirs."""

    owner: User
    images: tuple[Image, ...] = ()
    collection: Collection | None = None

    @cached_property
    def first(self) -> Image | None:
        """The picture in the dialog's head."""
        if self.collection is None:
            return self.images[0]
        if self.collection.cover is not None:
            return self.collection.cover
        shown = Image.objects.visible_to(self.owner).filter(collection_items__collection=self.collection)
        found: Image | None = shown.select_related("original").order_by("collection_items__position").first()
        return found

    @property
    def title(self) -> str:
        if self.collection is not None:
            return f"Share “{self.collection.name}”"
        if len(self.images) > 1:
            return f"Share {len(self.images)} pictures"
        return f"Share “{self.images[0].title}”" if self.images[0].title else "Share this picture"

    @property
    def query(self) -> str:
        """It in the query of an address."""
        if self.collection is not None:
            return urlencode({"collection": str(self.collection.public_id)})
        return urlencode({"image": [str(image.public_id) for image in self.images]}, doseq=True)

    @property
    def visibility(self) -> str:
        """Who sees all of it in the gallery; empty where that differs."""
        found = {image.visibility for image in self.images} or {getattr(self.collection, "visibility", "")}
        return found.pop() if len(found) == 1 else ""

    def links(self, now: datetime) -> QuerySet[ShareLink]:
        """Live links that show just that."""
        live = links.live_of(self.owner, now=now)
        if self.collection is not None:
            return live.filter(collection=self.collection)
        if len(self.images) > 1:
            return live.none()
        pinned = SharedImage.objects.filter(link=OuterRef("pk"))
        return live.filter(
            Exists(pinned.filter(image=self.images[0])),
            ~Exists(pinned.exclude(image=self.images[0])),
            collection=None,
        )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Choose who sees it, or make a link. What is shared stands in the address, or in the form."""
    user, now = signed_in(request), timezone.now()
    given = request.POST if request.method == "POST" and "image" in request.POST else request.GET
    subject = _subject(user, given.getlist("image"), given.get("collection"))
    chosen = request.POST.get("reach", "")
    if request.method != "POST" or not chosen:
        return _show_subject(request, subject, now)
    if chosen != "link":
        return _show_to(request, subject, chosen, now)
    try:
        link = links.create(
            user, images=[image.pk for image in subject.images], collection=subject.collection, now=now
        )
    except InvalidTerms as refusal:
        return _show_subject(request, subject, now, problem=refusal.detail, status=422)
    return _go_on(request, link)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def settings_of(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """A link's terms. Posting saves all of them; which one was changed doesn't matter."""
    now = timezone.now()
    link = _link(request, public_id)
    if request.method != "POST" or link.revoked_at is not None:
        return _show_link(request, link, LinkForm(link=link, now=now), now)
    form = LinkForm(request.POST, link=link, now=now)
    if form.is_valid():
        try:
            link = links.change(link, now=now, **form.terms())
        except InvalidTerms as refusal:
            form.add_error(
                {"expires_at": "expires"}.get(refusal.field, refusal.field) or None, refusal.detail
            )
    if not form.is_valid():
        return _show_link(request, link, form, now, status=422)
    return _go_on(request, link, saved=True)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Ask once, then end it."""
    link = _link(request, public_id)
    if request.method != "POST":
        return render(request, "gallery/share/revoke.html", {"link": link})
    links.revoke(link, now=timezone.now())
    if _is_part(request):
        subject = _subject_of(link)
        return _show_subject(request, subject, timezone.now()) if subject else HttpResponse()
    messages.success(request, "The link is revoked. People who have it see that it is no longer shared.")
    return redirect("gallery:shares")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_all(request: HttpRequest) -> HttpResponse:
    """Ask once, with the number, then end all of the person's links."""
    user, now = signed_in(request), timezone.now()
    count = ShareLink.objects.filter(owner=user, revoked_at=None).count()
    if request.method != "POST":
        return render(request, "gallery/share/revoke_all.html", {"count": count})
    ended = links.revoke_all(user, now=now)
    messages.success(request, f"{ended} link{'' if ended == 1 else 's'} revoked. Nobody can open them now.")
    return redirect("gallery:shares")


@login_required
@never_cache
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """All links of the person's, newest first."""
    now = timezone.now()
    try:
        before = browsing.parse_number(request.GET.get("before"))
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
    found = ShareLink.objects.filter(owner=signed_in(request)).order_by("-pk")
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(
        found.select_related("collection", "team").annotate(pinned=Count("shared_images"))[: PAGE + 1]
    )
    shown = [_listed(link, now) for link in rows[:PAGE]]
    context = {
        "title": "My links",
        "place": "links",
        "links": shown,
        "older": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "is_first": before is None,
        "has_live": any(row.revoked_at is None for row in rows),
        "now": now,
    }
    return render(request, "gallery/share/mine.html", context)


# What is shared


def _subject(user: User, image_ids: list[str], collection_id: str | None) -> Subject:
    """:raises Http404: for what isn't theirs to share, or is nothing."""
    if collection_id is not None:
        theirs = Collection.objects.select_related("cover__original")
        return Subject(user, collection=get_object_or_404(theirs, owner=user, public_id=_id(collection_id)))
    wanted = list(dict.fromkeys(_id(text) for text in image_ids))
    if not 1 <= len(wanted) <= IMAGES_MAX:
        raise Http404
    images = Image.objects.kept().filter(owner=user, public_id__in=wanted).select_related("original")
    found = {image.public_id: image for image in images}
    if len(found) != len(wanted):
        raise Http404
    return Subject(user, tuple(found[public_id] for public_id in wanted))


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error


def _link(request: HttpRequest, public_id: uuid.UUID) -> ShareLink:
    mine = ShareLink.objects.select_related("owner", "collection__cover__original", "team")
    return get_object_or_404(mine, owner=signed_in(request), public_id=public_id)


def _show_to(request: HttpRequest, subject: Subject, chosen: str, now: datetime) -> HttpResponse:
    """Choose who signed in sees the pictures. Links go on until they are revoked, and the page says so."""
    if chosen not in (Image.Visibility.PRIVATE, Image.Visibility.TEAM):
        return _show_subject(request, subject, now, status=422)
    try:
        if subject.collection is not None:
            collections.show_to(subject.owner, subject.collection, chosen)
        else:
            _show_images(subject, chosen)
    except sharing.NoTeam:
        words = "You aren't in a team, so there is nobody to show it to. Ask an admin."
        return _show_subject(request, subject, now, problem=words, status=422)
    if _is_part(request):
        return _show_subject(request, subject, now, saved=True)
    return redirect(f"{reverse('gallery:share')}?{subject.query}")


@transaction.atomic
def _show_images(subject: Subject, chosen: str) -> None:
    if chosen == Image.Visibility.TEAM and teams.of(subject.owner) is None:
        raise sharing.NoTeam
    sharing.show_many(subject.owner, [image.pk for image in subject.images], chosen)
    for image in subject.images:
        image.visibility = chosen


# Answers


def _is_part(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _answer(request: HttpRequest, name: str, context: dict[str, Any], status: int) -> HttpResponse:
    """The page, or with `HX-Request` only what the dialog holds."""
    context["is_part"] = _is_part(request)
    template = f"gallery/share/_{name}.html" if context["is_part"] else f"gallery/share/{name}.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _go_on(request: HttpRequest, link: ShareLink, *, saved: bool = False) -> HttpResponse:
    if not _is_part(request):
        return redirect("gallery:share_link", link.public_id)
    now = timezone.now()
    return _show_link(request, link, LinkForm(link=link, now=now), now, saved=saved)


def _show_subject(
    request: HttpRequest,
    subject: Subject,
    now: datetime,
    *,
    problem: str = "",
    saved: bool = False,
    status: int = 200,
) -> HttpResponse:
    shown = [_listed(link, now) for link in subject.links(now)[:_LISTED]]
    context = {
        "subject": subject,
        "reach": subject.visibility,
        "links": shown,
        "problem": problem,
        "saved": saved,
        **_team(subject.owner),
    }
    return _answer(request, "new", context, status)


def _show_link(
    request: HttpRequest,
    link: ShareLink,
    form: LinkForm,
    now: datetime,
    *,
    saved: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "link": link,
        "state": links.state_of(link, now=now),
        "address": _address(link),
        "subject": _subject_of(link),
        "form": form,
        "audiences": ShareLink.Audience.choices,
        "downloads": ShareLink.Download.choices,
        "reach": "link",
        "saved": saved,
        "now": now,
        **_team(link.owner),
    }
    return _answer(request, "link", context, status)


def _subject_of(link: ShareLink) -> Subject | None:
    """None when nothing is left of it that could be shared again."""
    if link.collection is not None:
        return Subject(link.owner, collection=link.collection)
    images = tuple(links.shown_by(link)[:IMAGES_MAX])
    return Subject(link.owner, images) if images else None


def _team(user: User) -> dict[str, Any]:
    team: Team | None = teams.of(user)
    members = Membership.objects.filter(team=team).count() if team else 0
    return {"team": team, "members": members}


def _address(link: ShareLink) -> str:
    try:
        return links.address_of(link)
    except links.AddressLost:
        return ""


def _listed(link: ShareLink, now: datetime) -> dict[str, Any]:
    return {"link": link, "state": links.state_of(link, now=now), "address": _address(link)}
