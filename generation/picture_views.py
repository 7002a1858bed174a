"""The page of a picture with its turns: the gallery's wall and label, and here how it goes on from there.

Every form posts and redirects. A script that asks with the header `X-Part` gets the turns alone.
"""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import events, ledger
from accounts.models import User
from accounts.people import signed_in
from gallery.models import Image
from gallery.views import picture_facts
from generation import (
    branches,
    catalog,
    conversations,
    feed,
    posted,
    references,
    refine,
    routing,
    strip,
    turns,
)
from generation.composer import Draft, Refusal
from generation.forms import ComposerForm
from generation.models import Generation
from generation.turns import Tree, Turn
from generation.wishes import InvalidWish

PANELS = ("refine", "details")


@login_required
@never_cache
@require_safe
def picture(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One picture on the wall with its label, its turns, and the box for the next one."""
    user = signed_in(request)
    image = _visible(user, public_id)
    if "X-Part" in request.headers:
        landing = branches.landing(user, image)
        tree = turns.tree_of(user, image, landing=landing)
        refiner = refine.refiner(user, image, tree, refine.drafted(image), landing=landing)
        parts = {**_turns(user, image, tree), "refiner": refiner}
        return render(request, "generation/picture/_turns.html", parts)
    return _page(request, user, image, refine.drafted(image), fork="branch" in request.GET)


@login_required
@never_cache
@require_POST
def change(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Ask for the next turn from the picture, or say why not, with nothing lost that was typed."""
    user = signed_in(request)
    image = _visible(user, public_id)
    fork = "branch" in request.POST
    form = ComposerForm(request.POST)
    given, faults = posted.references(request, user, most=_most(image, request.POST.get("model", "")))
    if removed := request.POST.get("remove"):
        given = [reference for reference in given if reference != removed]
        draft = refine.posted(user, image, request.POST, given)
        return _page(request, user, image, draft, posted.files_refused(faults), fork=fork)
    wish = None if faults else form.wish(references=len(given), continues=True)
    if wish is None:
        refusal = posted.files_refused(faults) or posted.form_refused(form)
        return _refuse(request, user, image, given, refusal, status=422)
    try:
        resolved = references.resolve(user=user, given=given)
        made = posted.make(
            request, user, wish, resolved, price=form.cleaned_data["price"], continues=image, fork=fork
        )
    except posted.REFUSALS as refusal:
        status = 402 if isinstance(refusal, ledger.InsufficientCredits) else 422
        return _refuse(request, user, image, given, posted.strip(refusal, wish), status=status)
    return redirect(f"{reverse('gallery:image', args=[image.public_id])}#turn-{made.public_id}")


@login_required
@require_POST
def names(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Call the conversation, the branch and the turn of a picture of one's own something else."""
    user = signed_in(request)
    image = _visible(user, public_id)
    found = branches.landing(user, image)
    called: dict[str, Any] = {"conversation": found.conversation}
    if found.source is not None:
        called |= {"branch": found.source.branch, "turn": found.source}
    try:
        for field, thing in called.items():
            if thing is not None and field in request.POST:
                conversations.rename(thing, request.POST[field])
    except InvalidWish as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, "The names are saved.")
    return redirect(f"{reverse('gallery:image', args=[image.public_id])}?panel=details")


def _page(
    request: HttpRequest,
    user: User,
    image: Image,
    draft: Draft,
    refusal: Refusal | None = None,
    *,
    fork: bool = False,
    status: int = 200,
) -> HttpResponse:
    # Before the rows are read, so that the stream tells of whatever changes after that.
    heard = events.place(user.pk)
    landing = branches.landing(user, image)
    tree = turns.tree_of(user, image, landing=landing)
    turn = tree.of(image)
    asked = request.GET.get("panel", "")
    parent = turn.parent if turn and turn.parent and turn.parent.trashed_at is None else None
    compare = parent if "compare" in request.GET else None
    before = tree.of(compare)
    context = {
        **picture_facts(request, image),
        **_turns(user, image, tree),
        "refiner": refine.refiner(user, image, tree, draft, refusal, landing=landing, fork=fork),
        "panel": asked if asked in PANELS else "refine",
        "compare": compare,
        "comparable": parent is not None,
        "before_label": before.label if before else "Start",
        **(_heading(tree, turn) if tree.conversation and turn else {}),
        "heard": heard,
        "upload_max": settings.UPLOAD_MAX_BYTES,
    }
    return render(request, "generation/picture.html", context, status=status)


def _heading(tree: Tree, turn: Turn) -> dict[str, str]:
    place = f"{turn.label} of {len(tree.turns)}" if turn.branch.number == 0 else turn.label
    return {"heading": tree.name, "subheading": f"{place} · {turn.name}"}


def _turns(user: User, image: Image, tree: Tree) -> dict[str, Any]:
    """What the strip and the timeline show."""
    turn = tree.of(image)
    path = tree.path(turn) if turn else ()
    # What was asked for from here and has no picture, yet or at all, follows in the timeline.
    following = [
        after
        for after in tree.after(image)
        if after.unfinished or (after.dead and after is tree.line_of(after).turns[-1])
    ]
    rows = _rows([*([turn] if turn else []), *following])
    return {
        "image": image,
        "is_mine": image.owner_id == user.pk,
        "tree": tree,
        "turn": turn,
        "row": rows[turn.generation.pk] if turn else None,
        "line": tree.line_of(turn) if turn else None,
        "shown": _shown(path, image),
        "strip": strip.rows(tree, image),
        "following": [(after, rows[after.generation.pk]) for after in following],
    }


def _rows(wanted: list[Turn]) -> dict[int, feed.Row]:
    """The turns as the Studio's feed has them: with their words, and what they would cost again."""
    found = Generation.objects.filter(pk__in=[turn.generation.pk for turn in wanted]).with_parts()
    return {row.generation.pk: row for row in feed.present(found, now=timezone.now())} if wanted else {}


def _shown(path: tuple[Turn, ...], image: Image) -> list[tuple[Turn, Image]]:
    """Each turn of the path with the picture that was gone on from, at last the current one."""
    pictures = [*(turn.parent for turn in path[1:]), image]
    return [(turn, shown) for turn, shown in zip(path, pictures, strict=False) if shown is not None]


def _refuse(
    request: HttpRequest, user: User, image: Image, given: list[str], refusal: Refusal | None, *, status: int
) -> HttpResponse:
    draft = refine.posted(user, image, request.POST, given)
    return _page(request, user, image, draft, refusal, fork="branch" in request.POST, status=status)


def _visible(user: User, public_id: uuid.UUID) -> Image:
    """A picture the person may see; an unknown and a foreign private one are the same 404."""
    seen = Image.objects.visible_to(user).select_related("original", "owner", "output__attempt")
    image: Image = get_object_or_404(seen, public_id=public_id)
    return image


def _most(image: Image, model: str) -> int:
    """How many references fit beside the picture."""
    known = catalog.load()
    try:
        chosen = known.find(model or image.model)
    except catalog.UnknownModel:
        chosen = known.anything
    return max(0, routing.references_max(chosen) - 1)
