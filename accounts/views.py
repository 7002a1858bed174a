"""The pages of a person's account: credits, API keys, and the theme."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F, Sum
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts import administration, chart, events, exports, keys, ledger, queue_rules, statement
from accounts.context import THEMES
from accounts.forms import ApiKeyForm, LowBalanceForm
from accounts.models import ApiKey, LedgerEntry
from accounts.people import signed_in
from accounts.statement_form import StatementForm

KINDS = (("all", "All"), ("spent", "Spent"), ("refunds", "Refunds"), ("grants", "Grants"))
THEME_SECONDS = 365 * 24 * 60 * 60


@login_required
@require_safe
def credits(request: HttpRequest) -> HttpResponse:
    """The balance, the month, and the statement from where `before` says."""
    user, now = signed_in(request), timezone.now()
    form = StatementForm(request.GET, user=user)
    within = form.within()
    if "show" in form.errors:
        raise Http404
    try:
        place = statement.parse_place(request.GET.get("before", ""))
    except statement.UnknownPlace as unknown:
        raise Http404 from unknown
    # Before the numbers are read, so that a change in between is heard of.
    heard = events.place(user.pk)
    standing = ledger.standing(user)
    month = statement.month(user, today=now.date())
    at_start = place == statement.Place()
    page = statement.page(user, within=within, after=place)
    shows_holds = at_start and replace(within, kind="all").is_everything and within.kind in ("all", "spent")
    context = {
        "standing": standing,
        "shares": chart.shares(standing, spent=month.spent),
        "images": standing.available // settings.CREDITS_PER_IMAGE,
        "queue": queue_rules.standing(user),
        "month": month,
        "chart": chart.draw(month),
        "chosen": within.kind,
        "form": form,
        "filtered": not replace(within, kind="all").is_everything,
        "kinds": [(kind, label, form.query(show=kind)) for kind, label in KINDS],
        "query": form.query(),
        "holds": statement.open_holds(user, standing=standing) if shows_holds else None,
        "days": list(statement.by_date(page.lines)),
        "older": page.older,
        "at_start": at_start,
        "heard": heard,
    }
    return render(request, "accounts/credits.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def export_statement(request: HttpRequest) -> HttpResponseBase:
    """The statement behind the same filters as a file."""
    user = signed_in(request)
    form = StatementForm(request.GET, user=user)
    within, kind = form.within(), request.GET.get("format", "")
    if form.errors or kind not in exports.FORMATS:
        raise Http404
    header = ["Time (UTC)", "Kind", "What", "Credits", "Balance after", "By", "Generation"]
    rows = (_exported(line) for line in statement.lines(user, within=within))
    return exports.response(request, name="statement", kind=kind, header=header, rows=rows)


def _exported(line: statement.Line) -> list[exports.Cell]:
    by = line.by.get_full_name() if line.by else None
    return [line.at, line.kind, line.what, line.change, line.left, by, line.reference]


@login_required
@require_POST
def low_balance(request: HttpRequest) -> HttpResponse:
    """Below how many available credits the person wants to be told; empty for never."""
    form = LowBalanceForm(request.POST)
    if form.is_valid():
        amount = form.cleaned_data["amount"]
        administration.set_low_balance(user=signed_in(request), amount=amount)
        words = f"You will be told below {amount:,} credits." if amount else "You won’t be told."
        messages.success(request, words)
    else:
        messages.error(request, " ".join(map(str, form.errors["amount"])))
    return redirect("accounts:credits")


@login_required
@require_GET
@never_cache
def standing(request: HttpRequest) -> HttpResponse:
    """The ring of the rail as it is now, for a page that stays open."""
    return render(request, "accounts/_standing.html")


@login_required
@require_GET
@never_cache
def refund_told(request: HttpRequest, entry: int) -> HttpResponse:
    """A refund to the person as one sentence, for a page that heard of it."""
    mine = LedgerEntry.objects.filter(destination__user=signed_in(request), kind=LedgerEntry.Kind.REFUND)
    found = get_object_or_404(mine, pk=entry)
    words = f"↩ {found.amount:,} credit{'' if found.amount == 1 else 's'} refunded: {found.reason}"
    return HttpResponse(words, content_type="text/plain; charset=utf-8")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in a cookie, so that the next page is drawn in it from the start."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        back = reverse(settings.LOGIN_REDIRECT_URL)
    response = redirect(back)
    chosen = request.POST.get("theme")
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=THEME_SECONDS, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
        )
    return response


@login_required
@require_safe
@never_cache
def api_keys(request: HttpRequest) -> HttpResponse:
    """The person's keys, and how to call with one."""
    now = timezone.now()
    form = ApiKeyForm(user=signed_in(request), now=now)
    return render(request, "accounts/api_keys.html", {"keys": _keys(request, now), "form": form, "now": now})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new_api_key(request: HttpRequest) -> HttpResponse:
    """Make a key. Its secret is in this answer and nowhere else."""
    user, now = signed_in(request), timezone.now()
    form = ApiKeyForm(request.POST or None, user=user, now=now)
    if request.method != "POST":
        return render(request, "accounts/api_key_new.html", {"form": form})
    if not form.is_valid():
        return render(request, "accounts/api_key_new.html", {"form": form}, status=422)
    try:
        created = keys.create(user=user, **form.terms())
    except keys.InvalidKey as refusal:
        form.add_error(refusal.field, refusal.detail)
        return render(request, "accounts/api_key_new.html", {"form": form}, status=422)
    context = {
        "created": created,
        "keys": _keys(request, now),
        "form": ApiKeyForm(user=user, now=now),
        "now": now,
    }
    return render(request, "accounts/api_keys.html", context, status=201)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_api_key(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask once, by the key's name; then end it."""
    mine = ApiKey.objects.filter(user=signed_in(request), revoked_at__isnull=True)
    key = get_object_or_404(mine, key_id=key_id)
    if request.method != "POST":
        return render(request, "accounts/api_key_revoke.html", {"key": key})
    keys.revoke(key=key, now=timezone.now())
    messages.success(request, f"“{key.name}” is revoked. Programs that use it are refused from now on.")
    return redirect("accounts:api_keys")


def _keys(request: HttpRequest, now: datetime) -> list[ApiKey]:
    """Keys that aren't revoked, newest first, each with `spent`: credits it spent or holds, less refunds."""
    used = F("holds__amount") - F("holds__released") - F("holds__refunded")
    found: Any = ApiKey.objects.filter(user=signed_in(request), revoked_at__isnull=True)
    listed = list(found.annotate(spent=Coalesce(Sum(used), 0)).order_by("-pk"))
    for key in listed:
        key.has_expired = not key.is_live(now)
        key.days_left = (key.expires_at - now).days if key.expires_at else None
    return listed
