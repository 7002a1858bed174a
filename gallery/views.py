"""The gallery, and what the page of one picture says of it; `generation` adds how it goes on from there."""

import uuid
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.people import signed_in
from gallery import browsing, provenance, sharing, tiles
from gallery.browsing import Walk
from gallery.models import Image
from gallery.pages import acts, filters, picture, sidebar


@login_required
@require_safe
def pictures(request: HttpRequest) -> HttpResponse:
    """The person's pictures, or those of others that they may see, from where the address says."""
    user = signed_in(request)
    try:
        walk = browsing.walk_of(request.GET)
        before = browsing.parse_number(request.GET.get("before"))
        after = browsing.parse_number(request.GET.get("after"))
        page = browsing.page_of(partial(tiles.of, user), user, walk, before=before, after=after)
        collection = sidebar.collection(user, walk.collection) if walk.collection else None
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
    now = timezone.now()
    selecting = request.GET.get("select") == "1"
    search, row = filters.html(walk, now.date(), has_pictures=bool(page.images))
    context = {
        "walk": walk,
        "page": page,
        "groups": browsing.groups(walk, page.images, today=now.date()),
        "look": tiles.Look(user.pk, now, walk.query, selecting),
        "today": now.date(),
        "search": search,
        "filters": row,
        "place": sidebar.place_of(walk),
        "title": collection.name if collection else TITLES[sidebar.place_of(walk)],
        "collection": collection,
        "is_first": before is None and after is None,
        "selecting": selecting,
        "sorts": sorts(walk),
    }
    if not page.images:
        context["empty"] = empty_state(user, walk, is_end=before is not None or after is not None)
    return render(request, "gallery/list.html", context)


TITLES = {
    "mine": "All images",
    "favourites": "Favourites",
    "team": "Team",
    "everyone": "Everyone",
    "": "All images",
}
_SORTED = {"newest": "Newest", "best": "Best match", "manual": "Manual"}


def sorts(walk: Walk) -> list[tuple[str, str, bool]]:
    """The orders that make sense for the walk: their name, the address, and whether it is the present one."""
    offered = ["newest", *(["best"] if walk.text else []), *(["manual"] if walk.collection else [])]
    if walk.sort not in offered:
        offered.append(walk.sort)
    return [(_SORTED[sort], replace(walk, sort=sort).query, sort == walk.sort) for sort in offered]


def empty_state(user: User, walk: Walk, *, is_end: bool) -> dict[str, Any]:
    """What a page without pictures says, and what it offers to do about it."""
    if is_end or not walk.is_narrowed or (walk.favourites and walk == sidebar.PLACES["favourites"]):
        return {"kind": "end" if is_end else sidebar.place_of(walk) if not walk.collection else "collection"}
    drop = filters.most_selective(user, walk)
    return {
        "kind": "no-match",
        "asked_for": filters.asked_for(walk),
        "drop": filters.label(drop) if drop else "",
        "drop_query": filters.without(walk, drop).query if drop else "",
        "clear_query": walk.without_narrowing().query,
    }


def picture_facts(request: HttpRequest, image: Image) -> dict[str, Any]:
    """What the page of a picture shows of it: its label, and what hangs beside it in the walk.

    :raises Http404: the address names a walk that doesn't exist.
    """
    user = signed_in(request)
    try:
        walk = browsing.walk_of(request.GET)
        beside = browsing.neighbours(user, walk, image)
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
    return {
        "image": image,
        "is_mine": image.owner_id == user.pk,
        "walk": walk,
        "beside": beside,
        "provenance": provenance.of(image),
        "file_type": image.original.content_type.removeprefix("image/").upper(),
        "model": provenance.model_name(image.model),
        "visibilities": Image.Visibility.choices,
        **picture.extras(user, image),
    }


@login_required
@require_POST
def visibility(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Choose who may see a picture of one's own."""
    image = get_object_or_404(Image, public_id=public_id, owner=signed_in(request))
    chosen = request.POST.get("visibility")
    if chosen not in Image.Visibility.values:
        return HttpResponse(status=422)
    try:
        sharing.show_to(image, chosen)
    except sharing.NoTeam:
        messages.error(request, acts.NO_TEAM)
        return redirect("gallery:image", public_id)
    messages.success(request, _SEEN_BY[chosen])
    # Back to where the buttons stand.
    back = f"{reverse('gallery:image', args=[public_id])}?panel=details"
    try:
        query = browsing.walk_of(request.GET).query
    except browsing.UnknownPlace:
        query = ""
    return redirect(f"{back}&{query}" if query else back)


_SEEN_BY: dict[str, str] = {
    Image.Visibility.PRIVATE: "Only you can see this picture now.",
    Image.Visibility.TEAM: "Your team can see this picture now.",
    Image.Visibility.EVERYONE: "Everyone signed in can see this picture now.",
}
