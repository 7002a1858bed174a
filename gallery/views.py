"""The gallery, and what the page of one picture says of it; `generation` adds how it goes on from there."""

import uuid
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.people import signed_in
from gallery import browsing, provenance, sharing, tiles
from gallery.models import Image


@login_required
@require_safe
def pictures(request: HttpRequest) -> HttpResponse:
    """The person's pictures, or everyone's, from where the address says."""
    user = signed_in(request)
    try:
        walk = browsing.walk_of(request.GET)
        before = browsing.parse_number(request.GET.get("before"))
        after = browsing.parse_number(request.GET.get("after"))
        read = partial(tiles.of, user)
        page = browsing.page_of(read, user, walk, before=before, after=after)
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
    now = timezone.now()
    context = {
        "walk": walk,
        "page": page,
        "days": list(browsing.by_date(page.images)),
        "today": now.date(),
        "look": tiles.Look(user.pk, now, walk.query),
    }
    return render(request, "gallery/list.html", context)


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
        messages.error(request, "You aren't in a team, so there is nobody to show it to. Ask an admin.")
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
