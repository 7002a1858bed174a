"""Doing something to the chosen pictures, and undoing it.

A plain form posts the pictures and a verb. What a verb needs besides is asked for by a page, whose form a
script shows in a dialog. A script that says `X-Part: act` is answered in JSON, everybody else by a redirect.
"""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.people import signed_in
from gallery import archives, browsing, bulk, collections, files, selection
from gallery.models import Image, UndoableAct
from gallery.pages import choosing, sidebar
from gallery.pages.asking import for_dialogs
from gallery.refusals import Refused
from gallery.selection import Selection
from gallery.sharing import NoTeam

NO_TEAM = "You aren't in a team, so there is nobody to show it to. Ask an admin."
REFUSALS = (Refused, NoTeam, archives.CannotPack, archives.TooManyUnfinished)
_PREPARED = "Your download is being prepared. It will stand under “Your downloads”."


class Asks(Exception):
    """The verb needs something more, which the page of that name asks for."""


@for_dialogs
@login_required
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Do to the chosen pictures what the pressed button says."""
    user = signed_in(request)
    verb = request.POST.get("verb", "")
    if verb not in _VERBS and verb not in ("share", "download"):
        return HttpResponse(status=422)
    try:
        chosen = choosing.chosen(request)
        if verb == "share":
            return redirect(_share(user, chosen))
        if verb == "download":
            _download(user, chosen, request.POST.get("variant", ""))
            messages.success(request, _PREPARED)
            return redirect(_back(request))
        done = _VERBS[verb](user, chosen, request.POST)
    except Asks:
        return _ask(request, user, verb, chosen)
    except browsing.UnknownPlace as unknown:
        raise Http404 from unknown
    except collections.Unknown as unknown:
        raise Http404 from unknown
    except REFUSALS as refusal:
        return _refuse(request, user, verb, refusal)
    sidebar.forget(user)
    said = sentence(done, timezone.now())
    undo = reverse("gallery:undo", args=[done.public_id]) if bulk.outcome(done).changed else ""
    if _is_script(request):
        return JsonResponse({"said": said, "undo": undo, "images": bulk.outcome(done).changed})
    messages.success(request, said, extra_tags=undo)
    return redirect(_back(request))


@login_required
@require_POST
def undo(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Undo an act of one's own."""
    user = signed_in(request)
    is_part = _is_script(request)
    try:
        done = bulk.undo(user, public_id)
    except UndoableAct.DoesNotExist as gone:
        raise Http404 from gone
    except Refused as refusal:
        if is_part:
            return HttpResponse(str(refusal), status=422, content_type="text/plain")
        messages.error(request, str(refusal))
        return redirect(_referring(request))
    sidebar.forget(user)
    messages.success(request, undone(done))
    return HttpResponse(status=204) if is_part else redirect(_referring(request))


# Verbs

_Do = Callable[[User, Selection, QueryDict], UndoableAct]


def _tag(user: User, chosen: Selection, given: QueryDict) -> UndoableAct:
    return bulk.tag(user, chosen, _names(given))


def _untag(user: User, chosen: Selection, given: QueryDict) -> UndoableAct:
    return bulk.untag(user, chosen, _names(given))


def _names(given: QueryDict) -> list[str]:
    names = [name for text in given.getlist("tags") for name in text.split(",") if name.strip()]
    if not names:
        if "tags" in given:
            raise Refused("Write at least one tag.")
        raise Asks
    return names


def _collect(user: User, chosen: Selection, given: QueryDict) -> UndoableAct:
    if name := given.get("new", "").strip():
        return bulk.collect(user, chosen, collections.create(user, name))
    return bulk.collect(user, chosen, _collection(user, given))


def _uncollect(user: User, chosen: Selection, given: QueryDict) -> UndoableAct:
    return bulk.uncollect(user, chosen, _collection(user, given))


def _collection(user: User, given: QueryDict) -> Any:
    chosen = str(given.get("collection") or "")
    if "new" in given and not chosen:
        raise Refused("Choose a collection, or write the name of a new one.")
    if not chosen:
        raise Asks
    try:
        return collections.get_fileable(user, uuid.UUID(chosen))
    except ValueError as error:
        raise collections.Unknown(chosen) from error


def _show(user: User, chosen: Selection, given: QueryDict) -> UndoableAct:
    visibility = str(given.get("visibility") or "")
    if not visibility:
        raise Asks
    return bulk.show(user, chosen, visibility)


_VERBS: dict[str, _Do] = {
    "tag": _tag,
    "untag": _untag,
    "collect": _collect,
    "uncollect": _uncollect,
    "show": _show,
    "favourite": lambda user, chosen, given: bulk.favourite(user, chosen),
    "unfavourite": lambda user, chosen, given: bulk.favourite(user, chosen, liked=False),
    "trash": lambda user, chosen, given: bulk.trash(user, chosen),
}


def _share(user: User, chosen: Selection) -> str:
    """Where a link for the chosen pictures is made; those of a walk are named one by one there."""
    walk = chosen.walk
    if walk is not None and walk.collection and not (walk.is_narrowed or chosen.without):
        return f"{reverse('gallery:share')}?{urlencode({'collection': str(walk.collection)})}"
    ids = chosen.public_ids
    if chosen.walk is not None:
        found = selection.resolve(user, chosen)[: SHARED_MAX + 1]
        ids = tuple(Image.objects.filter(pk__in=found).order_by("-pk").values_list("public_id", flat=True))
    if len(ids) > SHARED_MAX:
        raise Refused(
            f"A link shows {SHARED_MAX} chosen images at most. Put them into a collection and share that."
        )
    return f"{reverse('gallery:share')}?{urlencode([('image', str(one)) for one in ids])}"


SHARED_MAX = 100


def _download(user: User, chosen: Selection, variant: str) -> None:
    if variant not in files.VARIANTS:
        raise Asks
    archives.create(user, selection.resolve(user, chosen), variant=variant, now=timezone.now())


# Words


def sentence(done: UndoableAct, now: Any) -> str:
    """What was done, to how many, and how many were left as they were."""
    outcome = bulk.outcome(done)
    words = f"{_images(outcome.changed)} {_SAID[done.verb]}."
    if outcome.left:
        return f"{words} {_images(outcome.left)} will follow within a minute."
    if outcome.unchanged and outcome.changed:
        return f"{words} {_images(outcome.unchanged)} stayed as before."
    return words if outcome.changed else _NOTHING.get(done.verb, "Nothing was changed.")


def undone(done: UndoableAct) -> str:
    outcome = bulk.outcome(done)
    return f"Undone: {_images(outcome.restored)} as before." if outcome.restored else "Undone."


_SAID = {
    "tag": "tagged",
    "untag": "untagged",
    "collect": "collected",
    "uncollect": "taken out of the collection",
    "favourite": "added to your favourites",
    "unfavourite": "taken off your favourites",
    "show": "shown as you chose",
    "trash": "moved to the trash",
}
_NOTHING = {
    "tag": "Nothing was changed: these images aren't yours to tag, or have the tag already.",
    "collect": "They are in that collection already.",
    "favourite": "They are your favourites already.",
    "show": "Nothing was changed: these images aren't yours, or are shown so already.",
    "trash": "Nothing was changed: only the person who made an image may move it to the trash.",
}


def _images(number: int) -> str:
    return f"{number:,} image{'' if number == 1 else 's'}"


# Answers


def _is_script(request: HttpRequest) -> bool:
    """Whether a script asks that shows by itself what was done."""
    return request.headers.get("X-Part") == "act"


def _ask(
    request: HttpRequest, user: User, verb: str, chosen: Selection, refusal: Exception | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "place": "",
        "title": _TITLES[verb],
        "verb": verb,
        "fields": choosing.fields(request),
        "images": selection.count(user, chosen),
        "refusal": said_of(refusal) if refusal else "",
        "back": _back(request),
    }
    if verb in ("collect", "uncollect"):
        context["collections"] = collections.listed(user)
    if verb == "download":
        context["variants"] = [("original", "Originals"), ("1280", "Copies, 1280 pixels on the longer side")]
    if verb == "show":
        context["visibilities"] = Image.Visibility.choices
    return render(request, "gallery/ask_act.html", context, status=422 if refusal else 200)


_TITLES = {
    "tag": "Add tags",
    "untag": "Remove tags",
    "collect": "Add to a collection",
    "uncollect": "Take out of a collection",
    "show": "Who can see them",
    "download": "Download as a ZIP file",
}


def _refuse(request: HttpRequest, user: User, verb: str, refusal: Exception) -> HttpResponse:
    if _is_script(request):
        return HttpResponse(said_of(refusal), status=422, content_type="text/plain")
    if verb in _TITLES and not isinstance(refusal, (choosing.NothingChosen, selection.TooLarge)):
        return _ask(request, user, verb, choosing.chosen(request), refusal)
    messages.error(request, said_of(refusal))
    return redirect(_back(request))


def said_of(refusal: Exception) -> str:
    """A refusal in words for people."""
    return NO_TEAM if isinstance(refusal, NoTeam) else str(refusal)


def _back(request: HttpRequest) -> str:
    """The gallery as the person walks through it."""
    try:
        query = browsing.walk_of(QueryDict(request.POST.get("walk", ""))).query
    except browsing.UnknownPlace:
        query = ""
    return f"{reverse('gallery:list')}?{query}" if query else reverse("gallery:list")


def _referring(request: HttpRequest) -> str:
    """The page of ours the button stood on, else the gallery."""
    referrer = request.headers.get("Referer", "")
    own = f"{request.scheme}://{request.get_host()}/"
    return "/" + referrer.removeprefix(own) if referrer.startswith(own) else reverse("gallery:list")
