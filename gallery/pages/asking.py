"""Forms that a page asks with, and a script shows in a dialog."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def for_dialogs(view: View) -> View:
    """Tell a script that says `X-Part: ask` where it goes on, instead of sending it there.

    What it followed by itself would have shown the toasts that are meant for the person.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if request.headers.get("X-Part") != "ask" or not 300 <= response.status_code < 400:
            return response
        told = HttpResponse(status=204)
        told.headers["X-Go"] = response.headers["Location"]
        return told

    return answer
