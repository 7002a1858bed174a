"""“We already have this”: what is like a draft, told under the prompt before it is paid for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.people import signed_in
from gallery import already
from gallery.already import Match
from generation import composer


@dataclass(frozen=True)
class Already:
    """The pictures that are like a draft; there is at least one."""

    matches: Sequence[Match]

    @property
    def words(self) -> str:
        """It in a line: `We already have this · 2 like it`."""
        same = sum(match.is_exact for match in self.matches)
        like = len(self.matches) - same
        if not same:
            return f"We already have {like} like it" if like > 1 else "We already have one like it"
        return f"We already have this · {like} like it" if like else "We already have this"


def of_draft(user: User, prompt: str, references: Sequence[str]) -> Already | None:
    """What is like the prompt with these references, ids of uploads and images."""
    ids = [uuid.UUID(text) for text in references if composer.is_id(text)]
    matches = already.find(user, prompt, already.originals_of(user, ids))
    return Already(matches) if matches else None


@login_required
@never_cache
@require_POST
def already_there(request: HttpRequest) -> HttpResponse:
    """The strip under the prompt, for a script that asks when the draft has changed; empty for nothing."""
    found = of_draft(signed_in(request), request.POST.get("prompt", ""), request.POST.getlist("reference"))
    return render(request, "generation/_already.html", {"already": found})
