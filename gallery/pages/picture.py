"""What is changed on the page of one picture: favourite, tags, title and notes, collections, trash."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.people import signed_in
from gallery import browsing, bulk, collections, describing, favourites, lineage, tags
from gallery.models import Image
from gallery.pages import acts, sidebar
from gallery.refusals import Refused
from gallery.selection import Selection


def extras(user: User, image: Image) -> dict[str, Any]:
    """What the page of a picture shows of how it is arranged, besides its facts."""
    listed = collections.listed(user)
    inside = set(image.collection_items.values_list("collection_id", flat=True))
    return {
        "is_favourite": bool(favourites.among(user, [image.pk])),
        "tags": tags.of([image.pk]).get(image.pk, []),
        "may_tag": tags.taggable_by(user).filter(pk=image.pk).exists(),
        "in_collections": [one.collection for one in listed if one.collection.pk in inside],
        "other_collections": [one.collection for one in listed if one.collection.pk not in inside],
        "lineage": lineage.of(user, image),
        "shared_as": image.get_visibility_display(),
    }


@login_required
@require_POST
def favourite(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Make a picture that one sees a favourite, or none any more."""
    user = signed_in(request)
    image = _visible(user, public_id)
    favourites.put(user, image, liked=request.POST.get("on", "1") == "1")
    sidebar.forget(user)
    if "X-Part" in request.headers:
        return HttpResponse(status=204)
    return _back(request, image)


@login_required
@require_POST
def tag(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Put tags on a picture, or take one off."""
    user = signed_in(request)
    image = _visible(user, public_id)
    if not tags.taggable_by(user).filter(pk=image.pk).exists():
        raise Http404
    names = [name for name in request.POST.get("tags", "").split(",") if name.strip()]
    try:
        if removed := request.POST.get("remove"):
            tags.remove(user, [image.pk], [removed])
        elif names:
            tags.add(user, [image.pk], names)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return _back(request, image, at="#add-tag")


@login_required
@require_POST
def describe(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Give a picture of one's own another title and other notes."""
    user = signed_in(request)
    image = get_object_or_404(Image.objects.kept(), public_id=public_id, owner=user)
    try:
        describing.describe(user, image, title=request.POST.get("title"), notes=request.POST.get("notes"))
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Title and notes are saved.")
    return _back(request, image)


@login_required
@require_POST
def collect(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """File a picture into a collection, or take it out of one."""
    user = signed_in(request)
    image = _visible(user, public_id)
    try:
        if taken := request.POST.get("remove"):
            collections.remove(user, _collection(user, taken), [image.pk])
        elif name := request.POST.get("new", "").strip():
            collections.add(user, collections.create(user, name), [image.pk])
        elif given := request.POST.get("collection"):
            collections.add(user, _collection(user, given), [image.pk])
    except collections.Unknown as unknown:
        raise Http404 from unknown
    except Refused as refusal:
        messages.error(request, str(refusal))
    sidebar.forget(user)
    return _back(request, image, at="#add-collection")


@login_required
@require_POST
def trash(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Move a picture of one's own to the trash, and go on to the next one of the walk."""
    user = signed_in(request)
    image = get_object_or_404(
        Image.objects.kept().select_related("original", "owner"), public_id=public_id, owner=user
    )
    query = _walk_query(request)
    beside = browsing.neighbours(user, browsing.walk_of(request.GET), image)
    done = bulk.trash(user, Selection(public_ids=(public_id,)))
    sidebar.forget(user)
    messages.success(
        request, acts.sentence(done, None), extra_tags=reverse("gallery:undo", args=[done.public_id])
    )
    following = beside.older or beside.newer
    address = reverse("gallery:image", args=[following.public_id]) if following else reverse("gallery:list")
    return redirect(f"{address}?{query}" if query else address)


def _visible(user: User, public_id: uuid.UUID) -> Image:
    image: Image = get_object_or_404(Image.objects.visible_to(user), public_id=public_id)
    return image


def _collection(user: User, text: str) -> Any:
    try:
        return collections.get_fileable(user, uuid.UUID(text))
    except ValueError as error:
        raise collections.Unknown(text) from error


def _walk_query(request: HttpRequest) -> str:
    try:
        return browsing.walk_of(request.GET).query
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown


def _back(request: HttpRequest, image: Image, *, at: str = "") -> HttpResponse:
    """To the details of the picture, where the forms stand."""
    query = _walk_query(request)
    address = f"{reverse('gallery:image', args=[image.public_id])}?panel=details"
    return redirect(f"{address}{'&' if query else ''}{query}{at}")
