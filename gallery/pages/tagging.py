"""The page of all tags: the most used first, and what may be done to each."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.people import signed_in
from gallery import tags
from gallery.models import ImageTag, Tag
from gallery.pages import acts, suggesting
from gallery.pages.asking import for_dialogs

PAGE = 100
_PAGES_MAX = 1_000


@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Tags by how much they are used, or those with a word that begins as asked for."""
    user = signed_in(request)
    text = " ".join(request.GET.get("q", "").split())[:60]
    number = _number(request.GET.get("page", ""))
    shown = _shown(text, number)
    context = {
        "title": "Tags",
        "place": "tags",
        "text": text,
        "tags": shown[:PAGE],
        "changeable": changeable(user, shown[:PAGE]),
        "colours": Tag.Colour.values,
        "next": number + 1 if len(shown) > PAGE else None,
        "previous": number - 1 if number > 1 else None,
    }
    return render(request, "gallery/tags.html", context)


@for_dialogs
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename, merge, colour or delete a tag."""
    user = signed_in(request)
    tag = get_object_or_404(Tag, pk=pk, merged_into=None)
    if request.method != "POST":
        return _ask(request, user, tag)
    try:
        said = _changed(user, tag, request)
    except acts.REFUSALS as refusal:
        return _ask(request, user, tag, acts.said_of(refusal))
    cache.delete("gallery:shelf:tags")
    messages.success(request, said)
    return redirect("gallery:tags")


@for_dialogs
@login_required
@require_POST
def recolour(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a tag a colour."""
    tag = get_object_or_404(Tag, pk=pk, merged_into=None)
    try:
        tags.recolour(signed_in(request), tag, request.POST.get("colour", ""))
    except acts.REFUSALS as refusal:
        messages.error(request, acts.said_of(refusal))
    back = request.POST.get("q", "")
    return redirect(f"{reverse('gallery:tags')}{'?' if back else ''}{urlencode({'q': back}) if back else ''}")


def _changed(user: User, tag: Tag, request: HttpRequest) -> str:
    name = tag.name
    match request.POST.get("do"):
        case "merge":
            into = tags.get(request.POST.get("into", ""))
            if into is None:
                raise tags.BadName("There is no tag of that name to merge it into.")
            target = tags.merge(user, tag, into)
            return f"“{name}” is “{target.name}” now. The old name goes on leading there."
        case "delete":
            tags.delete(user, tag)
            return f"“{name}” is deleted. The images stay."
    tags.rename(user, tag, request.POST.get("name", ""))
    return f"“{name}” is called “{tag.name}” now."


def changeable(user: User, shown: list[Tag]) -> set[int]:
    """Which of the tags the person may change, in one query: see `tags.may_change`."""
    if user.has_perm(tags.CHANGE):
        return {tag.pk for tag in shown}
    own = [tag.pk for tag in shown if tag.created_by_id == user.pk]
    others = ImageTag.objects.filter(tag__in=own).exclude(image__owner=user)
    return set(own) - set(others.values_list("tag_id", flat=True).distinct())


def _shown(text: str, number: int) -> list[Tag]:
    if text:
        return suggesting.tags_like(text, most=PAGE)
    rows: QuerySet[Tag] = Tag.objects.filter(merged_into=None).order_by("-uses", "key")
    start = (number - 1) * PAGE
    return list(rows[start : start + PAGE + 1])


def _number(text: str) -> int:
    return min(max(int(text), 1), _PAGES_MAX) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _ask(request: HttpRequest, user: User, tag: Tag, refusal: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "title": f"Change “{tag.name}”",
        "place": "tags",
        "tag": tag,
        "may": tags.may_change(user, tag),
        "colours": Tag.Colour.values,
        "name": request.POST.get("name", tag.name),
        "into": request.POST.get("into", ""),
        "refusal": refusal,
        "back": reverse("gallery:tags"),
    }
    return render(request, "gallery/ask_tag.html", context, status=422 if refusal else 200)
