"""What an open gallery page asks for by itself: the sidebar's counts, numbers, months, suggestions."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.people import signed_in
from gallery import browsing
from gallery.browsing import Walk
from gallery.pages import sidebar, suggesting
from gallery.search import engine
from gallery.search import months as spread

SHOWN_MAX = 1_000
CHOSEN_MAX = 50_000
NEW_MAX = 99
_MONTHS_SECONDS = 120


@login_required
@never_cache
@require_safe
def counts(request: HttpRequest) -> HttpResponse:
    """The sidebar with its counts, collections and saved searches."""
    user = signed_in(request)
    context = {
        "shelf": sidebar.shelf(user),
        "place": request.GET.get("place", "")[:40],
        "query": request.GET.get("at", "")[:2_000],
    }
    return render(request, "gallery/_sidebar_nav.html", context)


@login_required
@never_cache
@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """How many pictures the walk has: words for the page, or as a number all that can be chosen at once.

    With `after`, how many came since that picture.
    """
    user = signed_in(request)
    walk = _walk(request)
    try:
        after = browsing.parse_number(request.GET.get("after"))
        wanted = browsing.wanted(user, walk)
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
    if after is not None:
        return JsonResponse({"images": len(engine.newest(wanted, size=NEW_MAX, after=after))})
    if request.GET.get("exact") == "1":
        return JsonResponse({"images": engine.count(wanted, most=CHOSEN_MAX), "most": CHOSEN_MAX})
    return HttpResponse(in_words(engine.count(wanted, most=SHOWN_MAX)), content_type="text/plain")


def in_words(images: int, most: int = SHOWN_MAX) -> str:
    """`148 images`, `1 image`, `1,000+ images`."""
    return f"{images:,}{'+' if images >= most else ''} image{'' if images == 1 else 's'}"


@login_required
@require_safe
def suggest(request: HttpRequest) -> HttpResponse:
    """Tags, people and terms for what is being typed."""
    found = suggesting.suggest(signed_in(request), request.GET.get("q", "")[:500])
    if request.GET.get("kind") == "tag":
        found = [one for one in found if one.kind == "Tag"]
    options = [{"text": one.text, "label": one.label, "kind": one.kind, "note": one.note} for one in found]
    return JsonResponse({"options": options})


@login_required
@require_safe
def months(request: HttpRequest) -> HttpResponse:
    """The months of the walk with their share of its pictures, and the place each begins at."""
    user = signed_in(request)
    found = _months(user, _walk(request))
    told = [{"month": f"{one.first:%Y-%m}", "images": one.images, "before": one.before} for one in found]
    answer = JsonResponse({"months": told})
    answer["Cache-Control"] = f"private, max-age={_MONTHS_SECONDS}"
    return answer


def _months(user: User, walk: Walk) -> list[spread.Month]:
    try:
        return spread.months(browsing.wanted(user, walk))
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown


def _walk(request: HttpRequest) -> Walk:
    try:
        return browsing.walk_of(request.GET)
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
