"""The admins' pages for rules: allowances, caps, lanes and limits, and their end."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import administration, queue_rules
from accounts.acts import origin_of
from accounts.ledger_refusals import Refusal
from accounts.models import AllowanceRule, ApiKey, Cap, Membership, QueueRule, Team, User
from accounts.people import signed_in
from accounts.people_pages.access import add_refusal, admins_only, person_or_404, posted
from accounts.people_pages.forms import AllowanceForm, CapForm, MembershipForm, QueueForm, ReasonForm
from accounts.people_pages.people import zone_of


@dataclass(frozen=True)
class Scope:
    """What a rule is for, how a page calls it, and where to go back to."""

    terms: dict[str, Any]
    name: str
    time_zone: str
    view: str
    pk: int
    person: User | None = None


def of_person(pk: int) -> Scope:
    user = person_or_404(pk)
    return Scope({"user": user}, user.get_full_name(), zone_of(user), "accounts:people_person", user.pk, user)


def of_team(pk: int) -> Scope:
    team = get_object_or_404(Team, pk=pk)
    return Scope({"team": team}, str(team), team.time_zone, "accounts:people_team", team.pk)


def of_key(pk: int) -> Scope:
    keys = ApiKey.objects.select_related("user__membership__team")
    key = get_object_or_404(keys, pk=pk, revoked_at__isnull=True)
    name = f"the key {key.name} of {key.user}"
    return Scope({"api_key": key}, name, zone_of(key.user), "accounts:people_person", key.user_id, key.user)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def allowance(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Set what a person, or each member of a team, is given by itself."""
    scope = _scope({"person": of_person, "team": of_team}, kind, pk)
    form = AllowanceForm(posted(request), initial={"time_zone": scope.time_zone})
    if request.method == "POST" and form.is_valid():
        try:
            rule = administration.set_allowance(
                by=signed_in(request),
                now=timezone.now(),
                origin=origin_of(request),
                **scope.terms,
                **form.cleaned_data,
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return _done(request, scope, f"{scope.name}: {str(rule).lower()} from now on.")
    return _form_page(request, scope, form, title=f"Allowance of {scope.name}", button="Set the allowance")


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def cap(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Set the most that a person, a team or a key may spend in a period."""
    scope = _scope({"person": of_person, "team": of_team, "key": of_key}, kind, pk)
    form = CapForm(posted(request), initial={"time_zone": scope.time_zone})
    if request.method == "POST" and form.is_valid():
        try:
            made = administration.set_cap(
                by=signed_in(request),
                now=timezone.now(),
                origin=origin_of(request),
                **scope.terms,
                **form.cleaned_data,
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return _done(request, scope, f"{scope.name}: at most {made} from now on.")
    return _form_page(request, scope, form, title=f"Cap for {scope.name}", button="Set the cap")


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def end_allowance(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask why; then give nothing more by a rule."""
    rules = AllowanceRule.objects.filter(ended_at__isnull=True).select_related("user", "team")
    rule = get_object_or_404(rules, pk=pk)
    scope = of_person(rule.user_id) if rule.user_id else of_team(rule.team_id or 0)
    form = ReasonForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            administration.end_allowance(
                by=signed_in(request),
                rule=rule,
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
                origin=origin_of(request),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return _done(request, scope, f"{scope.name} is given nothing more by itself.")
    title = f"End “{rule}” for {scope.name}?"
    return _form_page(request, scope, form, title=title, button="End the allowance", is_end=True)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def end_cap(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask why; then take a cap out of force."""
    caps = Cap.objects.filter(ended_at__isnull=True).select_related("user", "team", "api_key")
    ending = get_object_or_404(caps, pk=pk)
    if ending.user_id:
        scope = of_person(ending.user_id)
    else:
        scope = of_team(ending.team_id) if ending.team_id else of_key(ending.api_key_id or 0)
    form = ReasonForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            administration.end_cap(
                by=signed_in(request),
                cap=ending,
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
                origin=origin_of(request),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return _done(request, scope, f"The cap of {ending} for {scope.name} has ended.")
    title = f"End the cap of {ending} for {scope.name}?"
    return _form_page(request, scope, form, title=title, button="End the cap", is_end=True)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def queue(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Give a person or a team a lane, and say how many may run at once."""
    scope = _scope({"person": of_person, "team": of_team}, kind, pk)
    rule = queue_rules.of(**scope.terms)
    initial = {"lane": rule.lane, "concurrency_max": rule.concurrency_max} if rule else {}
    form = QueueForm(posted(request), initial=initial, is_team=scope.person is None)
    if request.method == "POST" and form.is_valid():
        try:
            made = administration.set_queue_rule(
                by=signed_in(request),
                now=timezone.now(),
                origin=origin_of(request),
                **scope.terms,
                **form.cleaned_data,
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            words = str(made)
            return _done(request, scope, f"{scope.name}: {words[:1].lower()}{words[1:]} from now on.")
    return _form_page(request, scope, form, title=f"Lane and limit of {scope.name}", button="Set the rule")


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def end_queue(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask why; then take a lane and limit out of force."""
    rules = QueueRule.objects.filter(ended_at__isnull=True).select_related("user", "team")
    rule = get_object_or_404(rules, pk=pk)
    scope = of_person(rule.user_id) if rule.user_id else of_team(rule.team_id or 0)
    form = ReasonForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            administration.end_queue_rule(
                by=signed_in(request),
                rule=rule,
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
                origin=origin_of(request),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return _done(request, scope, f"The lane and limit of {scope.name} have ended.")
    title = f"End “{rule}” for {scope.name}?"
    return _form_page(request, scope, form, title=title, button="End the rule", is_end=True)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a person into a team, into another, or out of theirs."""
    scope = of_person(pk)
    membership = Membership.objects.filter(user_id=pk).first()
    initial = {"team": membership.team_id, "role": membership.role} if membership else {}
    form = MembershipForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        team: Team | None = form.cleaned_data["team"]
        try:
            administration.move_to_team(
                by=signed_in(request),
                now=timezone.now(),
                origin=origin_of(request),
                **scope.terms,
                **form.cleaned_data,
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return _done(request, scope, f"{scope.name} is {f'in {team}' if team else 'in no team'} now.")
    return _form_page(request, scope, form, title=f"Team of {scope.name}", button="Move")


def _scope(known: dict[str, Any], kind: str, pk: int) -> Scope:
    if kind not in known:
        raise Http404
    scope: Scope = known[kind](pk)
    return scope


def _done(request: HttpRequest, scope: Scope, said: str) -> HttpResponse:
    messages.success(request, said[:1].upper() + said[1:])
    return redirect(scope.view, scope.pk)


def _form_page(
    request: HttpRequest, scope: Scope, form: Form, *, title: str, button: str, is_end: bool = False
) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "button": button,
        "back": redirect(scope.view, scope.pk).url,
        "person": scope.person,
        "is_end": is_end,
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/admin/rule.html", context, status=status)
