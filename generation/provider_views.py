"""The provider board, and what admins do on it: switch, test, and choose how Easel routes."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.acts import origin_of
from accounts.models import User
from accounts.people import signed_in
from generation import administration, board, board_sums, provider_tests, queue
from generation.administration import SET_PROVIDERS
from generation.forms import RoutingForm
from generation.models import Provider, RoutingPolicy
from generation.receipts import SEE_CREDITS


@login_required
@never_cache
@require_safe
def providers(request: HttpRequest) -> HttpResponse:
    """How every provider is doing; for admins with costs, errors, switches and tests."""
    return _page(request, None)


@login_required
@permission_required(SET_PROVIDERS, raise_exception=True)
@require_POST
def switch(request: HttpRequest, name: str) -> HttpResponse:
    """Give a provider work, or none any more."""
    provider = get_object_or_404(Provider, name=name)
    on = request.POST.get("on") == "1"
    try:
        administration.switch(by=signed_in(request), provider=provider, on=on, origin=origin_of(request))
    except ValidationError as refused:
        messages.error(request, f"{provider.title} stays off. {' '.join(refused.messages)}")
    else:
        left = "What waits goes to others; what only it can make is given back."
        said = f"{provider.title} is on." if on else f"{provider.title} is off. {left}"
        messages.success(request, said)
    return redirect("generation:providers")


@login_required
@permission_required(SET_PROVIDERS, raise_exception=True)
@require_POST
def test(request: HttpRequest, name: str) -> HttpResponse:
    """Have a worker make one small real call; the board shows how it went."""
    provider = get_object_or_404(Provider, name=name)
    try:
        with transaction.atomic():
            begun = provider_tests.begin(
                by=signed_in(request), provider=provider, now=timezone.now(), origin=origin_of(request)
            )
            queue.test(begun.public_id)
    except provider_tests.AlreadyRunning:
        messages.info(request, f"A test of {provider.title} is running already.")
    return redirect("generation:providers")


@login_required
@permission_required(SET_PROVIDERS, raise_exception=True)
@require_POST
def routing(request: HttpRequest) -> HttpResponse:
    """Choose how a provider is found where the person chose none."""
    form = RoutingForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    administration.set_routing(by=signed_in(request), origin=origin_of(request), **form.cleaned_data)
    messages.success(request, "Easel routes by this from now on.")
    return redirect("generation:providers")


def _page(request: HttpRequest, form: RoutingForm | None) -> HttpResponse:
    user, now = signed_in(request), timezone.now()
    sees_all = _sees_all(user)
    if sees_all:
        provider_tests.end_stuck(now=now)
    shown = board.board(now=now, for_admins=sees_all)
    known = shown.catalog
    context = {
        "board": shown,
        "base": "accounts/admin/_base.html" if user.has_perm(SEE_CREDITS) else "base.html",
        "form": form or RoutingForm(initial={"policy": known.policy, "fail_over": known.fail_over}),
        "policies": RoutingPolicy.Policy.choices,
        "sees_all": sees_all,
        "sets": user.has_perm(SET_PROVIDERS),
        "cell_minutes": board_sums.CELL_SECONDS // 60,
        "now": now,
    }
    return render(request, "generation/providers.html", context, status=422 if form else 200)


def _sees_all(user: User) -> bool:
    """Costs and errors are for whoever sees everybody's credits, or sets up providers."""
    return user.has_perm(SEE_CREDITS) or user.has_perm(SET_PROVIDERS)
