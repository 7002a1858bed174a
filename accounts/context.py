"""What every page's shell shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import ledger, notices

THEMES = ("dark", "light", "system")
NOTICES = 3


def shell(request: HttpRequest) -> dict[str, Any]:
    """`credits` and `notices` (asked for only when shown), `theme`, and whether pictures are emulated."""
    theme = request.COOKIES.get("theme", "dark")
    user = getattr(request, "user", None)
    context: dict[str, Any] = {
        "theme": theme if theme in THEMES else "dark",
        "provider_emulated": settings.PROVIDER_EMULATED,
        "registration_open": settings.REGISTRATION_OPEN,
        "site_url": settings.SITE_URL,
    }
    if user is not None and user.is_authenticated:
        context["credits"] = SimpleLazyObject(lambda: ledger.standing(user))
        context["notices"] = SimpleLazyObject(lambda: notices.newest_open(user, NOTICES))
    return context
