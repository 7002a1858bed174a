"""The pages under `/s/`: what who has a link sees of it, without the app around it and without a sign-in.

Nothing but `/s/` and the static files is needed to open a link. Whatever can't be shown is one answer, the
same for every reason and every address.
"""

import asyncio
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from gallery import link_files, link_passwords, links, provenance
from gallery.link_passwords import MustWait, WrongPassword
from gallery.links import Gone, Resolved, Visitor
from gallery.models import Image, ShareLink

PASS_COOKIE = "easel_share"  # noqa: S105 - the cookie's name
PAGE = 60
PAGE_NUMBER_MAX = 1_000
CARD = 1280
"""The longer side of a card's picture, pixels."""
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; font-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Content-Type-Options": "nosniff",
}

type_of_view = Callable[..., HttpResponseBase]


def _for_anybody(*methods: str) -> Callable[[type_of_view], type_of_view]:
    """What all answers under `/s/` have in common: their headers, and the one page for what isn't there."""

    def decorate(view: type_of_view) -> type_of_view:
        @wraps(view)
        def answer(request: HttpRequest, **named: Any) -> HttpResponseBase:
            if request.method not in methods:
                return _finished(HttpResponseNotAllowed(methods))
            try:
                return _finished(view(request, **named))
            except (Gone, Http404):
                return _finished(render(request, "gallery/share/gone.html", status=404))

        return answer

    return decorate


def _finished(response: HttpResponseBase) -> HttpResponseBase:
    for header, value in _HEADERS.items():
        response.headers[header] = value
    # A file has a stricter one already.
    response.headers.setdefault("Content-Security-Policy", POLICY)
    patch_vary_headers(response, ["Cookie"])
    return response


@_for_anybody("GET", "HEAD")
def page(request: HttpRequest, token: str) -> HttpResponseBase:
    """The picture, or the pictures, or what stands before them."""
    resolved = _resolved(request, token)
    if resolved.gate:
        return _gate(request, token, resolved)
    images, more = _page_of(request, resolved)
    if len(images) == 1 and not more:
        response = _one(request, token, resolved, images[0])
    else:
        response = _several(request, token, resolved, images)
    return _seen(request, token, resolved, response)


@_for_anybody("GET", "HEAD")
def one(request: HttpRequest, token: str, public_id: uuid.UUID) -> HttpResponseBase:
    """One picture of several."""
    resolved = _resolved(request, token)
    if resolved.gate:
        return _gate(request, token, resolved)
    response = _one(request, token, resolved, resolved.image(public_id), is_part=True)
    return _seen(request, token, resolved, response)


@_for_anybody("GET", "HEAD")
def file(request: HttpRequest, token: str, public_id: uuid.UUID, size: int) -> HttpResponseBase:
    """A copy of a picture; looked up anew for each request, so a revoked link gives none."""
    image = _resolved(request, token).image(public_id)
    if size not in link_files.SIZES:
        raise Gone
    return link_files.picture(request, image, size)


@_for_anybody("GET", "HEAD")
def download(request: HttpRequest, token: str, public_id: uuid.UUID) -> HttpResponseBase:
    """A picture's file to keep, if the link gives any."""
    resolved = _resolved(request, token)
    response = link_files.download(request, resolved.link, resolved.image(public_id))
    # A download that is taken up again is the same one.
    if request.method == "GET" and response.status_code == 200:
        links.count_download(resolved.link)
    return response


# Without a CSRF token: a page that sends no referrer has the origin `null`, which Django's check refuses.
# The form changes nothing of anybody's; it only opens what its sender has the password of.
@csrf_exempt
async def open_link(request: HttpRequest, token: str) -> HttpResponseBase:
    """Give the password, or agree that a limited view is taken."""
    # Slept here, not in the thread that other requests wait for.
    await asyncio.sleep(await sync_to_async(link_passwords.delay_seconds)(token))
    return await sync_to_async(_opened)(request, token=token)


@_for_anybody("POST")
def _opened(request: HttpRequest, token: str) -> HttpResponseBase:
    resolved = _resolved(request, token)
    if not resolved.gate:
        return redirect("shared:page", token)
    if resolved.gate == "password":
        try:
            link_passwords.check(
                resolved.link,
                request.POST.get("password", "")[:1000],
                address=get_adapter().get_client_ip(request),
                now=timezone.now(),
            )
        except WrongPassword as wrong:
            return _gate(request, token, resolved, wrong=wrong)
        except MustWait as wait:
            return _gate(request, token, resolved, wait=wait)
    return _with_pass(redirect("shared:page", token), token, links.open_for(resolved, now=timezone.now()))


@_for_anybody("GET", "HEAD", "POST")
def nothing(request: HttpRequest, rest: str = "") -> HttpResponseBase:
    """Any other address under `/s/`."""
    raise Gone


# What they share


def _resolved(request: HttpRequest, token: str) -> Resolved:
    visitor = Visitor(
        user_id=request.user.pk if request.user.is_authenticated else None,
        given_pass=request.COOKIES.get(PASS_COOKIE, ""),
    )
    return links.resolve(token, visitor, now=timezone.now())


def _seen(request: HttpRequest, token: str, resolved: Resolved, response: HttpResponse) -> HttpResponseBase:
    """Count the view, unless it is the same visitor's within a short while."""
    if resolved.is_seen or request.method != "GET":
        return response
    return _with_pass(response, token, links.open_for(resolved, now=timezone.now()))


def _with_pass(response: HttpResponse, token: str, given: str) -> HttpResponse:
    """The pass goes back to this link's own addresses alone, and names nobody."""
    response.set_cookie(
        PASS_COOKIE,
        given,
        path=reverse("shared:page", args=[token]),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _page_of(request: HttpRequest, resolved: Resolved) -> tuple[list[Image], bool]:
    """The pictures of the page asked for, and whether there are others besides."""
    number = _page_number(request)
    start = (number - 1) * PAGE
    found = list(resolved.images[start : start + PAGE + 1])
    if not found:
        raise Gone
    return found, number > 1


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= PAGE_NUMBER_MAX):
        raise Gone
    return int(text)


def _base(token: str, link: ShareLink) -> dict[str, Any]:
    return {
        "link": link,
        "token": token,
        "address": f"{settings.SITE_URL}{reverse('shared:page', args=[token])}",
        "now": timezone.now(),
        "sharer": link.owner.name,
        "site": settings.SITE_URL,
    }


def _gate(
    request: HttpRequest,
    token: str,
    resolved: Resolved,
    *,
    wrong: WrongPassword | None = None,
    wait: MustWait | None = None,
) -> HttpResponse:
    """What stands before the pictures. Of them only the first one's placeholder is in it, 20 pixels wide."""
    first = resolved.images.first()
    if first is None:
        raise Gone
    link = resolved.link
    context = {
        **_base(token, link),
        "gate": resolved.gate,
        "placeholder": first.original.placeholder,
        "left": None if link.views_max is None else max(0, link.views_max - link.views),
        "wrong": wrong,
        "wait": wait,
    }
    status = 429 if wait else 403 if wrong else 200
    response = render(request, "gallery/share/gate.html", context, status=status)
    if wait:
        response.headers["Retry-After"] = str(wait.seconds)
    return response


def _one(
    request: HttpRequest, token: str, resolved: Resolved, image: Image, *, is_part: bool = False
) -> HttpResponse:
    context = {
        **_base(token, resolved.link),
        "image": image,
        "size": link_files.size_of(image),
        "card": link_files.size_of(image, CARD),
        "maker": image.owner.name,
        "model": provenance.model_name(image.model),
        "provenance": provenance.of(image) if image.origin == Image.Origin.GENERATED else None,
        "is_part": is_part,
    }
    return render(request, "gallery/share/one.html", context)


def _several(request: HttpRequest, token: str, resolved: Resolved, found: list[Image]) -> HttpResponse:
    number = _page_number(request)
    context = {
        **_base(token, resolved.link),
        "images": found[:PAGE],
        "first_place": (number - 1) * PAGE,
        "previous": number - 1,
        "next": number + 1 if len(found) > PAGE else None,
        "card": link_files.size_of(found[0], CARD),
    }
    return render(request, "gallery/share/several.html", context)
