"""What the admins' pages share: who may see them, and how a refusal reads there."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required, permission_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache

from accounts import administration
from accounts.ledger_refusals import InsufficientCredits, Refusal
from accounts.models import User
from accounts.rule_terms import InvalidRule

View = Callable[..., HttpResponse]


def admins_only(view: View) -> View:
    """For people who may see everybody's credits; each verb checks its own permission besides."""
    guarded: View = permission_required(administration.SEE, raise_exception=True)(never_cache(view))
    return login_required(guarded)


def person_or_404(pk: int) -> User:
    """The person with all that a row of the list shows."""
    people = User.objects.select_related("credit_account", "membership__team")
    return get_object_or_404(people, pk=pk)


def add_refusal(form: Form, refusal: Refusal, *, of: User | None = None) -> None:
    """Put a refusal where it belongs in the form: on its field, or above all fields."""
    if isinstance(refusal, InvalidRule) and refusal.field in form.fields:
        form.add_error(refusal.field, refusal.detail)
    elif isinstance(refusal, InsufficientCredits) and of is not None:
        form.add_error("amount", too_little(refusal, of))
    else:
        form.add_error(None, str(refusal))


def too_little(refusal: InsufficientCredits, of: User) -> str:
    """Why so much can't be taken back, said to the admin."""
    held = f"; {refusal.held:,} on hold are not touched" if refusal.held else ""
    return f"{of.get_full_name()} has {refusal.available:,} credits available{held}. Take back less."


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, also when that is nothing; None when the form is only asked for."""
    return request.POST if request.method == "POST" else None


def number(text: str) -> int | None:
    """The whole number that an address carries, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
