"""Pages for arranging: collections, their order and cover, and saved searches."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.people import signed_in
from gallery import browsing, collections, saved_searches
from gallery.browsing import Walk
from gallery.models import Collection, Image
from gallery.pages import acts, filters, sidebar
from gallery.pages.asking import for_dialogs


@login_required
@require_safe
def all_collections(request: HttpRequest) -> HttpResponse:
    """Every collection that the person sees."""
    listed = collections.listed(signed_in(request))
    return render(
        request,
        "gallery/collections.html",
        {"title": "Collections", "place": "collections", "collections": listed},
    )


@for_dialogs
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_collection(request: HttpRequest) -> HttpResponse:
    """Ask for a name, and make a collection of it."""
    user = signed_in(request)
    if request.method != "POST":
        return _ask_collection(request, None)
    try:
        made = collections.create(user, request.POST.get("name", ""))
        if request.POST.get("visibility") == Collection.Visibility.TEAM:
            collections.show_to(user, made, Collection.Visibility.TEAM)
    except acts.REFUSALS as refusal:
        return _ask_collection(request, None, acts.said_of(refusal))
    return redirect(_address(made))


@for_dialogs
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def collection(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Rename a collection, and choose who sees it."""
    user = signed_in(request)
    found = _collection(user, public_id)
    if request.method != "POST":
        return _ask_collection(request, found)
    try:
        collections.rename(user, found, request.POST.get("name", ""))
        if given := request.POST.get("visibility"):
            collections.show_to(user, found, given)
    except acts.REFUSALS as refusal:
        return _ask_collection(request, found, acts.said_of(refusal))
    return redirect(_address(found))


@for_dialogs
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_collection(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Ask once, then delete a collection; its pictures stay."""
    user = signed_in(request)
    found = _collection(user, public_id)
    if request.method != "POST":
        asked = {
            "title": f"Delete “{found.name}”?",
            "text": "Its images stay in the gallery. Only the collection goes, and it can't be brought back.",
            "button": "Delete the collection",
            "back": _address(found),
        }
        return render(request, "gallery/ask_confirm.html", asked)
    try:
        collections.delete(user, found)
    except acts.REFUSALS as refusal:
        messages.error(request, acts.said_of(refusal))
        return redirect(_address(found))
    messages.success(request, f"“{found.name}” is deleted. Its images are where they were.")
    return redirect("gallery:collections")


@login_required
@require_POST
def set_cover(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Choose the picture that stands for a collection."""
    user = signed_in(request)
    found = _collection(user, public_id)
    try:
        (image,) = _images(user, request.POST.get("image", ""))
        collections.set_cover(user, found, image)
    except acts.REFUSALS as refusal:
        messages.error(request, acts.said_of(refusal))
    else:
        messages.success(request, "This is the cover now.")
    return redirect(_address(found))


@login_required
@require_POST
def move(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Put a picture before or after another one of the collection."""
    user = signed_in(request)
    found = _collection(user, public_id)
    moved, beside = _images(user, request.POST.get("image", ""), request.POST.get("beside", ""))
    try:
        collections.move(
            user, found, moved.pk, beside=beside.pk, is_before=request.POST.get("side") != "after"
        )
    except collections.Unknown as unknown:
        raise Http404 from unknown
    except acts.REFUSALS as refusal:
        if "X-Part" in request.headers:
            return HttpResponse(acts.said_of(refusal), status=422, content_type="text/plain")
        messages.error(request, acts.said_of(refusal))
    if "X-Part" in request.headers:
        return HttpResponse(status=204)
    return redirect(f"{_address(found)}&select=1")


@for_dialogs
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def save_search(request: HttpRequest) -> HttpResponse:
    """Ask for a name, and keep the walk under it."""
    user = signed_in(request)
    given = request.POST.get("query", "") if request.method == "POST" else request.GET.urlencode()
    walk = _walk(given)
    if request.method != "POST":
        return _ask_search(request, walk, suggested_name(walk))
    name = request.POST.get("name", "")
    try:
        saved_searches.save(user, name=name, query=walk.query)
    except acts.REFUSALS as refusal:
        return _ask_search(request, walk, name, acts.said_of(refusal))
    messages.success(request, "The search is saved. It stands in the sidebar.")
    return redirect(f"{reverse('gallery:list')}?{walk.query}")


@login_required
@require_POST
def delete_search(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Forget a saved search."""
    search = get_object_or_404(saved_searches.of(signed_in(request)), public_id=public_id)
    search.delete()
    messages.success(request, f"“{search.name}” is no longer saved.")
    return redirect(f"{reverse('gallery:list')}?{search.query}")


def suggested_name(walk: Walk) -> str:
    """`16:9 · blue · this month`: what the filters say, side by side."""
    names = ("aspect", "colour", "tags", "person", "date", "provider", "references", "favourites")
    said = [filters.value(walk, name) for name in names if filters.is_on(walk, name)]
    return " · ".join([*([walk.text] if walk.text else []), *said])[: saved_searches.NAME_MAX]


def _ask_collection(request: HttpRequest, found: Collection | None, refusal: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "title": f"“{found.name}”" if found else "New collection",
        "place": str(found.public_id) if found else "collections",
        "collection": found,
        "name": request.POST.get("name", found.name if found else ""),
        "visibility": request.POST.get("visibility", found.visibility if found else "private"),
        "visibilities": Collection.Visibility.choices,
        "refusal": refusal,
        "back": _address(found) if found else reverse("gallery:collections"),
    }
    return render(request, "gallery/ask_collection.html", context, status=422 if refusal else 200)


def _ask_search(request: HttpRequest, walk: Walk, name: str, refusal: str = "") -> HttpResponse:
    context = {
        "title": "Save this search",
        "place": "",
        "walk": walk,
        "name": name,
        "refusal": refusal,
        "back": f"{reverse('gallery:list')}?{walk.query}",
    }
    return render(request, "gallery/ask_search.html", context, status=422 if refusal else 200)


def _collection(user: User, public_id: uuid.UUID) -> Collection:
    try:
        return sidebar.collection(user, public_id)
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown


def _images(user: User, *texts: str) -> list[Image]:
    try:
        wanted = [uuid.UUID(text) for text in texts]
    except ValueError as error:
        raise Http404 from error
    found = Image.objects.visible_to(user).in_bulk(wanted, field_name="public_id")
    if any(public_id not in found for public_id in wanted):
        raise Http404
    return [found[public_id] for public_id in wanted]


def _walk(query: str) -> Walk:
    try:
        return browsing.walk_of(QueryDict(query))
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown


def _address(found: Collection) -> str:
    return f"{reverse('gallery:list')}?collection={found.public_id}"
