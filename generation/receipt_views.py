"""The receipt's page, and giving credits back from it."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import acts, administration, events, ledger
from accounts.models import User
from accounts.people import signed_in
from generation import feed, receipts
from generation.forms import RefundForm
from generation.models import Generation
from generation.receipt_words import plural


@login_required
@never_cache
@require_safe
def receipt(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What a generation cost and why, for its owner and for who may see everybody's credits."""
    user = signed_in(request)
    return _page(request, user, _found(user, public_id), None)


@login_required
@require_POST
def refund(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Give back some of what was charged; whether the person may is for `administration` to say."""
    user = signed_in(request)
    generation = _found(user, public_id)
    form = RefundForm(request.POST)
    if not form.is_valid():
        return _page(request, user, generation, form, status=422)
    try:
        entry = administration.refund(
            by=user,
            hold=generation.hold,
            amount=form.cleaned_data["amount"],
            reason=form.cleaned_data["reason"],
            key=str(form.cleaned_data["key"]),
            origin=acts.origin_of(request),
        )
    except ledger.Refusal as refusal:
        status = 403 if isinstance(refusal, administration.NotAllowed | administration.OwnAccount) else 422
        form.add_error(None, str(refusal))
        return _page(request, user, generation, form, status=status)
    messages.success(request, f"{plural(entry.amount, 'credit')} refunded to {generation.user}.")
    return redirect("generation:receipt", public_id=public_id)


def _found(user: User, public_id: uuid.UUID) -> Generation:
    """An unknown one and one that the person may not see are the same 404."""
    found: Generation = get_object_or_404(receipts.with_facts(receipts.visible_to(user)), public_id=public_id)
    return found


def _page(
    request: HttpRequest, user: User, generation: Generation, form: RefundForm | None, *, status: int = 200
) -> HttpResponse:
    heard = events.place(user.pk)
    sees_all = user.has_perm(receipts.SEE_CREDITS)
    shown = receipts.receipt(generation, with_costs=sees_all)
    may_refund = shown.charged > 0 and _may_refund(user, generation.user)
    if form is None and may_refund:
        form = RefundForm(initial={"amount": shown.charged, "key": uuid.uuid4()})
    own = generation.user_id == user.pk
    context = {
        "receipt": shown,
        "generation": generation,
        "own": own,
        "row": _row(generation) if own else None,
        "sees_all": sees_all,
        "form": form,
        "heard": heard,
    }
    return render(request, "generation/receipt.html", context, status=status)


def _row(generation: Generation) -> feed.Row:
    """What to expect of it and what can be done with it, as the Studio has it."""
    (row,) = feed.present(Generation.objects.filter(pk=generation.pk).with_parts(), now=timezone.now())
    return row


def _may_refund(by: User, user: User) -> bool:
    try:
        administration.check_permission(by, administration.ADJUST)
        administration.check_gives_to_another(by, user)
    except ledger.Refusal:
        return False
    return True
