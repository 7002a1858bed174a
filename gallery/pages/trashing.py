"""The trash: what is in it and for how long, taking it out, and deleting it for good."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.people import signed_in
from gallery import quota, trash
from gallery.browsing import UnknownPlace, parse_number
from gallery.models import Image
from gallery.pages import parts, sidebar
from gallery.pages.asking import for_dialogs

PAGE = 96
COUNTED_MAX = 50_000


@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """What the person threw away, what goes first at the end."""
    user = signed_in(request)
    now = timezone.now()
    found = list(_page(user, request))
    shown = found[:PAGE]
    use = quota.use_of(user)
    context = {
        "title": "Trash",
        "place": "trash",
        "images": [(image, trash.days_left(image, now=now)) for image in shown],
        "older": shown[-1].pk if len(found) > PAGE else None,
        "counted": parts.in_words(_count(user), COUNTED_MAX),
        "kept_days": trash.KEPT_DAYS,
        "use": use,
        "used": quota.in_words(use.used_bytes),
        "quota": quota.in_words(use.quota_bytes or 0),
    }
    return render(request, "gallery/trash.html", context)


@login_required
@require_POST
def restore(request: HttpRequest) -> HttpResponse:
    """Take pictures out of the trash: those that are named, or all."""
    user = signed_in(request)
    in_trash = trash.of(user)
    if request.POST.get("all") != "1":
        in_trash = in_trash.filter(public_id__in=_ids(request.POST.getlist("image")))
    back = trash.take_out(user, in_trash.order_by("pk").values_list("pk", flat=True)[:COUNTED_MAX])
    sidebar.forget(user)
    messages.success(request, _said(len(back), "where it was again", "where they were again"))
    return redirect("gallery:trash")


@for_dialogs
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def empty(request: HttpRequest) -> HttpResponse:
    """Ask once, with the number, then delete all that is in the trash for good."""
    user = signed_in(request)
    if request.method == "POST":
        gone = trash.empty(user)
        sidebar.forget(user)
        messages.success(request, _said(gone, "deleted for good", "deleted for good"))
        return redirect("gallery:trash")
    number = _count(user)
    asked = {
        "title": f"Delete {parts.in_words(number, COUNTED_MAX)} for good?",
        "text": "They can't be brought back, and the credits spent on them are not returned.",
        "button": "Empty the trash",
        "back": reverse("gallery:trash"),
        "place": "trash",
        "is_nothing": not number,
    }
    return render(request, "gallery/ask_confirm.html", asked)


def _page(user: User, request: HttpRequest) -> list[Image]:
    try:
        before = parse_number(request.GET.get("before"))
    except UnknownPlace as unknown:
        raise Http404 from unknown
    rows = trash.of(user).select_related("original", "owner")
    if before is not None:
        last = trash.of(user).filter(pk=before).values_list("trashed_at", flat=True).first()
        if last is None:
            raise Http404
        rows = rows.filter(trashed_at__lte=last).exclude(trashed_at=last, pk__gte=before)
    return list(rows.order_by("-trashed_at", "-pk")[: PAGE + 1])


def _count(user: User) -> int:
    return trash.of(user).order_by()[:COUNTED_MAX].count()


def _ids(values: list[str]) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(value) for value in values]
    except ValueError as error:
        raise Http404 from error


def _said(number: int, one: str, more: str) -> str:
    if not number:
        return "Nothing was changed: the trash is empty, or these images are out of it already."
    return f"{number:,} image is {one}." if number == 1 else f"{number:,} images are {more}."
