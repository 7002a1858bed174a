"""The admins' pages about people: the list, one person, and moving one person's credits."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts import administration, allowances, directory, limits, queue_rules, statement
from accounts.acts import origin_of
from accounts.ledger_refusals import Refusal
from accounts.models import AdminAct, ApiKey, Cap, Team, User
from accounts.people import signed_in
from accounts.people_pages.access import add_refusal, admins_only, number, person_or_404, posted
from accounts.people_pages.forms import CorrectionForm, CreditsForm

PERSON_LINES = 15
PERSON_ACTS = 5


@admins_only
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with their credits: search, sort, and a keyset page."""
    now = timezone.now()
    asked = _asked(request)
    context = {
        "asked": asked,
        "page": directory.search(asked, now=now),
        "figures": directory.figures(now=now),
        "teams": list(Team.objects.all()),
        "sorts": directory.SORTS,
        "query": _query(asked),
        "now": now,
        "is_narrowed": bool(asked.words or asked.team or asked.low),
    }
    return render(request, "accounts/admin/people.html", context)


@admins_only
@require_safe
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person: credits, rules, statement, and what admins did."""
    user, now = person_or_404(pk), timezone.now()
    try:
        place = statement.parse_place(request.GET.get("before", ""))
    except statement.UnknownPlace as unknown:
        raise Http404 from unknown
    row = directory.listed([user], now=now)[0]
    lines = statement.page(user, after=place, size=PERSON_LINES)
    acts = AdminAct.objects.filter(subject_kind="user", subject_id=str(user.pk))
    keys = ApiKey.objects.filter(user=user, revoked_at__isnull=True)
    context = {
        "person": user,
        "row": row,
        "allowances": directory.allowances_of([user]),
        "caps": limits.standings(user=user, now=now),
        "key_caps": Cap.objects.filter(api_key__in=keys, ended_at__isnull=True).select_related("api_key"),
        "keys": keys.order_by("-pk"),
        "queue": queue_rules.standing(user),
        "holds": statement.open_holds(user, standing=row.standing) if place == statement.Place() else None,
        "days": list(statement.by_date(lines.lines)),
        "older": lines.older,
        "at_start": place == statement.Place(),
        "acts": acts.select_related("by").order_by("-pk")[:PERSON_ACTS],
        "now": now,
        "today": now.date(),
    }
    return render(request, "accounts/admin/person.html", context)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def credits(request: HttpRequest, pk: int) -> HttpResponse:
    """Grant, take back, or set what comes every month, with a preview of the result."""
    user, by = person_or_404(pk), signed_in(request)
    mode = request.GET.get("mode", CreditsForm.GRANT)
    form = CreditsForm(posted(request), initial={"mode": mode})
    if request.method == "POST" and form.is_valid() and "preview" not in request.POST:
        try:
            said = _move(form, user=user, by=by, request=request)
        except Refusal as refusal:
            add_refusal(form, refusal, of=user)
        else:
            messages.success(request, said)
            return redirect("accounts:people_person", user.pk)
    context = {
        "person": user,
        "form": form,
        "row": directory.listed([user], now=timezone.now())[0],
        "preview": _preview(form, user),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/admin/credits.html", context, status=status)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Correct a balance by a positive or negative amount."""
    user, by = person_or_404(pk), signed_in(request)
    form = CorrectionForm(posted(request))
    preview = None
    if request.method == "POST" and form.is_valid():
        terms = {"user": user, "amount": form.cleaned_data["amount"]}
        try:
            preview = administration.preview_adjust(**terms)
            if "preview" not in request.POST:
                administration.adjust(
                    by=by,
                    reason=form.cleaned_data["reason"],
                    key=form.once,
                    origin=origin_of(request),
                    **terms,
                )
                messages.success(request, f"{user.get_full_name()}'s balance is corrected.")
                return redirect("accounts:people_person", user.pk)
        except Refusal as refusal:
            add_refusal(form, refusal, of=user)
    context = {"person": user, "form": form, "preview": preview}
    status = 422 if form.errors else 200
    return render(request, "accounts/admin/correct.html", context, status=status)


@dataclass(frozen=True)
class Preview:
    """What a person's credits, or what comes every month, would be; as texts."""

    label: str
    before: str
    after: str


def _preview(form: CreditsForm, user: User) -> Preview | None:
    """The result of what is filled in so far; None while it can't be told, or would be refused."""
    if not form.is_bound or not form.is_valid():
        return None
    amount, mode = form.cleaned_data["amount"], form.cleaned_data["mode"]
    if mode == CreditsForm.MONTHLY:
        rule = allowances.in_force(user=user)
        after = f"{'+' if form.cleaned_data['kind'] == 'add' else 'up to '}{amount:,} a month"
        return Preview("Allowance", str(rule) if rule else "none", after)
    try:
        shown = (
            administration.preview_grant if mode == CreditsForm.GRANT else administration.preview_take_back
        )
        change = shown(user=user, amount=amount)
    except Refusal as refusal:
        add_refusal(form, refusal, of=user)
        return None
    return Preview("Available", f"{change.before.available:,}", f"{change.after.available:,}")


def _move(form: CreditsForm, *, user: User, by: User, request: HttpRequest) -> str:
    """Do what the form says; answers the sentence to tell the admin.

    :raises Refusal:
    """
    asked, name = form.cleaned_data, user.get_full_name()
    common: dict[str, Any] = {
        "by": by,
        "user": user,
        "amount": asked["amount"],
        "reason": asked["reason"],
        "origin": origin_of(request),
    }
    if asked["mode"] == CreditsForm.MONTHLY:
        rule = administration.set_allowance(
            kind=asked["kind"],
            period="month",
            time_zone=zone_of(user),
            now=timezone.now(),
            **common,
        )
        return f"{name}: {str(rule).lower()} from now on."
    if asked["mode"] == CreditsForm.TAKE_BACK:
        administration.take_back(key=form.once, **common)
        return f"{asked['amount']:,} credits taken back from {name}."
    administration.grant(key=form.once, **common)
    return f"{asked['amount']:,} credits granted to {name}."


def zone_of(user: User) -> str:
    """Where the person's days begin: in the team's time zone."""
    membership = getattr(user, "membership", None)
    return str(membership.team.time_zone) if membership else "UTC"


def _asked(request: HttpRequest) -> directory.Search:
    """What the address asks for; what makes no sense in it is left out."""
    sort = request.GET.get("sort", "name")
    return directory.Search(
        words=request.GET.get("q", "").strip()[:100],
        team=number(request.GET.get("team", "")),
        low="low" in request.GET,
        sort=sort if sort in directory.SORTS else "name",
        after=number(request.GET.get("after", "")),
    )


def _query(asked: directory.Search) -> str:
    """The same search as a query string, without the place in it."""
    parts: dict[str, Any] = {"q": asked.words, "team": asked.team, "low": "1" if asked.low else ""}
    parts["sort"] = asked.sort if asked.sort != "name" else ""
    return urlencode({name: value for name, value in parts.items() if value})
