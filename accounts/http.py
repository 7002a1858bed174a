"""Who is calling the API: a program by its key, or a person's browser by its session."""

import re
from typing import TYPE_CHECKING

from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import keys
from accounts.models import ApiKey, User

if TYPE_CHECKING:
    # DRF's views import this module, by the settings.
    from rest_framework.views import APIView

_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer esl_…`; `request.auth` is then the key's row."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """:raises AuthenticationFailed: for a key that is unknown, revoked, expired or malformed."""
        header = request.headers.get("Authorization", "")
        if not header.lower().startswith("bearer"):
            return None
        given = _BEARER.fullmatch(header)
        key = keys.find(text=given[1], now=timezone.now()) if given else None
        if key is None:
            raise exceptions.AuthenticationFailed(
                "This API key isn't valid. It may be mistyped, revoked or expired.", code="invalid_api_key"
            )
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """The pages' own calls: a signed-in session, with the CSRF token on what changes something."""

    def enforce_csrf(self, request: Request) -> None:  # type: ignore[override]
        """:raises exceptions.PermissionDenied: without the token."""
        try:
            super().enforce_csrf(request)  # type: ignore[arg-type]
        except exceptions.PermissionDenied as refusal:
            raise exceptions.PermissionDenied(str(refusal.detail), code="csrf_failed") from refusal


class MayCall(BasePermission):
    """Signed in, and with a key whose scopes cover the call.

    What reads needs `read`, everything else `generate`; a view that differs says so in `scopes`, by method.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """:raises exceptions.PermissionDenied: when the key lacks the scope."""
        if not request.user.is_authenticated:
            return False
        if isinstance(request.auth, ApiKey):
            scope = scope_of(view, request.method or "GET")
            if scope not in request.auth.scopes:
                raise exceptions.PermissionDenied(
                    f"This API key lacks the scope “{scope}”. Use a key that has it.", code="missing_scope"
                )
        return True


def scope_of(view: "APIView", method: str) -> str:
    """The scope a key needs for that method of the view."""
    usual = ApiKey.Scope.READ if method in _SAFE_METHODS else ApiKey.Scope.GENERATE
    scopes: dict[str, str] = getattr(view, "scopes", {})
    return str(scopes.get(method, usual))


def person(request: Request) -> User:
    """Who is calling, where `MayCall` has let somebody in."""
    assert isinstance(request.user, User)
    return request.user


def key_of(request: Request) -> ApiKey | None:
    """The key the call came with; None for a session."""
    return request.auth if isinstance(request.auth, ApiKey) else None
