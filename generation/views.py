"""The Studio: the composer, the feed, and what can be done with a row of it.

Every form posts and redirects. A script that asks with the header `X-Part` gets only the part that changed:
the row of a new generation, or the strip that says why there is none.
"""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import events, ledger
from accounts.models import User
from accounts.people import signed_in
from gallery import ingest, quota
from generation import catalog, composer, feed, posted, references, retrying, routing, stopping, submission
from generation.already_views import Already, of_draft
from generation.composer import Draft, Refusal
from generation.forms import ComposerForm
from generation.models import Generation


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: HttpRequest) -> HttpResponse:
    """The page; posted to, it makes a generation or says why not, with nothing lost that was typed."""
    user = signed_in(request)
    if request.method == "POST":
        return _submit(request, user)
    return _page(request, user, composer.asked(user, request.GET.dict()))


@login_required
@never_cache
@require_GET
def row(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One generation's row of the feed, as it is now."""
    return _row(request, _own(request, public_id))


@login_required
@require_POST
def cancel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Stop a generation; one that has ended meanwhile shows how.

    `expected` is what the button said it may cost at most; where it is more by now, nothing is done.
    """
    generation = _own(request, public_id)
    expected = request.POST.get("expected", "")
    try:
        submission.cancel(
            generation=generation,
            now=timezone.now(),
            expected_credits_max=posted.whole(expected, 0) if expected else None,
        )
    except stopping.TermsChanged as refusal:
        return _refused_cancel(request, generation, refusal)
    except submission.CannotCancel:
        if not _wants_part(request):
            messages.info(request, "This had ended already.")
    if _wants_part(request):
        return _row(request, generation)
    return _back(request, generation)


@login_required
@require_POST
def again(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Ask for it again, for `count` images where that is given; a turn goes on as it did.

    `provider` is a name or `elsewhere`; without it, it goes where it was to go before.
    """
    user, generation = signed_in(request), _own(request, public_id)
    provider = request.POST.get("provider", "")
    try:
        retry = retrying.prepare(
            generation,
            user=user,
            now=timezone.now(),
            provider=provider,
            count=posted.whole(request.POST.get("count", ""), generation.count),
        )
        price = posted.whole(request.POST.get("price", ""), generation.price)
        made = posted.again(request, user, retry, provider=provider, price=price)
    except posted.REFUSALS as refusal:
        return _refused_again(request, generation, posted.strip(refusal))
    if page := _picture_page(request):
        return page
    return _made(request, made)


@login_required
@require_POST
def choices(request: HttpRequest) -> HttpResponse:
    """What the composer offers now, for a script that asks whenever one choice may change the others."""
    user = signed_in(request)
    given = [text for text in request.POST.getlist("reference") if composer.is_id(text)]
    shown = composer.compose(user, composer.posted(user, request.POST, given))
    return render(request, "generation/_composer_choices.html", {"composer": shown})


@login_required
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Take in one reference at once, for a script that shows it while the prompt is being written."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return JsonResponse({"code": "no_file", "detail": "Choose a picture first."}, status=400)
    try:
        stored = posted.take_in(signed_in(request), file)
    except quota.QuotaExceeded as refusal:
        return JsonResponse({"code": refusal.code, "detail": str(refusal)}, status=409)
    except ingest.PictureRefused as refusal:
        status = 413 if refusal.code == "too_large" else 400
        return JsonResponse({"code": refusal.code, "detail": refusal.detail}, status=status)
    (thumb,) = composer.thumbs(signed_in(request), [stored])
    return JsonResponse({"id": thumb.id, "src": thumb.src, "name": thumb.name}, status=201)


def _submit(request: HttpRequest, user: User) -> HttpResponse:
    form = ComposerForm(request.POST)
    most = _references_max(request.POST.get("model", ""), request.POST.get("provider", ""))
    given, faults = posted.references(request, user, most=most)
    if removed := request.POST.get("remove"):
        kept = [reference for reference in given if reference != removed]
        return _page(request, user, composer.posted(user, request.POST, kept), posted.files_refused(faults))
    if faults:
        return _refuse(request, user, given, posted.files_refused(faults), status=422)
    if "look" in request.POST:
        return _page(request, user, composer.posted(user, request.POST, given))
    wish = form.wish(references=len(given))
    if wish is None:
        return _refuse(request, user, given, posted.form_refused(form), status=422)
    try:
        resolved = references.resolve(user=user, given=given)
        made = posted.make(request, user, wish, resolved, price=form.cleaned_data["price"])
    except posted.REFUSALS as refusal:
        status = 402 if isinstance(refusal, ledger.InsufficientCredits) else 422
        return _refuse(request, user, given, posted.strip(refusal, wish), status=status)
    return _made(request, made)


def _references_max(model: str, provider: str) -> int:
    """How many references can be given; of what isn't on offer, the form says so later."""
    known = catalog.load()
    try:
        chosen = known.find(model)
    except catalog.UnknownModel:
        chosen = known.anything
    return routing.references_max(chosen, provider if provider in routing.names(chosen) else "")


def _made(request: HttpRequest, generation: Generation) -> HttpResponse:
    if _wants_part(request):
        return _row(request, generation, status=201)
    return redirect(_place(generation))


def _refuse(
    request: HttpRequest, user: User, given: list[str], refusal: Refusal | None, *, status: int
) -> HttpResponse:
    if _wants_part(request):
        return render(request, "generation/_refusal.html", {"refusal": refusal}, status=status)
    return _page(request, user, composer.posted(user, request.POST, given), refusal, status=status)


def _refused_again(request: HttpRequest, generation: Generation, refusal: Refusal) -> HttpResponse:
    if _wants_part(request):
        return render(request, "generation/_refusal.html", {"refusal": refusal}, status=422)
    messages.error(request, " ".join([refusal.lead, *refusal.more]))
    if page := _picture_page(request):
        return page
    return redirect(f"{reverse('generation:studio')}?again={generation.public_id}")


def _refused_cancel(
    request: HttpRequest, generation: Generation, refusal: stopping.TermsChanged
) -> HttpResponse:
    words = f"{refusal} Press Cancel again if you still want to."
    if _wants_part(request):
        return render(request, "generation/_refusal.html", {"refusal": Refusal(words)}, status=422)
    messages.error(request, words)
    return _back(request, generation)


def _back(request: HttpRequest, generation: Generation) -> HttpResponse:
    """To the page that the form stood on."""
    if "on_receipt" in request.POST:
        return redirect("generation:receipt", public_id=generation.public_id)
    return _picture_page(request) or redirect(_place(generation))


def _picture_page(request: HttpRequest) -> HttpResponse | None:
    """Back to the page of the picture that the form stood on, if it stood on one."""
    shown = request.POST.get("on_picture", "")
    return redirect("gallery:image", uuid.UUID(shown)) if composer.is_id(shown) else None


def _page(
    request: HttpRequest, user: User, draft: Draft, refusal: Refusal | None = None, *, status: int = 200
) -> HttpResponse:
    # Before the rows are read, so that the stream tells of whatever changes after that.
    heard = events.place(user.pk)
    before = request.GET.get("before", "")
    shown = feed.page(user, now=timezone.now(), before=_own(request, before) if before else None)
    context = {
        "composer": composer.compose(user, draft, refusal),
        "already": _already(user, draft) if request.method == "POST" else None,
        "looked": "look" in request.POST,
        "feed": shown,
        "unfinished": shown.unfinished,
        "newest": not before,
        "heard": heard,
        "upload_max": settings.UPLOAD_MAX_BYTES,
        "refused": request.method == "POST",
        "asked": request.method == "GET" and bool(request.GET) and not before,
    }
    return render(request, "generation/studio.html", context, status=status)


def _already(user: User, draft: Draft) -> Already | None:
    return of_draft(user, draft.prompt, [thumb.id for thumb in draft.references])


def _row(request: HttpRequest, generation: Generation, *, status: int = 200) -> HttpResponse:
    fresh = Generation.objects.filter(pk=generation.pk).with_parts()
    (shown,) = feed.present(fresh, now=timezone.now())
    return render(request, "generation/_row.html", {"row": shown}, status=status)


def _own(request: HttpRequest, public_id: uuid.UUID | str) -> Generation:
    """The person's own generation; an unknown and a foreign one are the same 404."""
    if not composer.is_id(str(public_id)):
        raise Http404
    return get_object_or_404(Generation, user=signed_in(request), public_id=public_id)


def _place(generation: Generation) -> str:
    return f"{reverse('generation:studio')}#run-{generation.public_id}"


def _wants_part(request: HttpRequest) -> bool:
    return "X-Part" in request.headers
