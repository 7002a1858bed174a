"""What every view of the API has in common."""

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.generics import ListAPIView as FrameworkListView
from rest_framework.request import Request
from rest_framework.views import APIView as FrameworkView


class LengthRequired(APIException):
    """A body sent in chunks: its length can't be held to a limit before it is read."""

    status_code = 411
    default_code = "length_required"
    default_detail = "Send the body with a Content-Length, not in chunks."


class _OfTheApi:
    """Answers are for one person, and about now: nobody in between keeps them."""

    @property
    def default_response_headers(self) -> dict[str, str]:
        headers: dict[str, str] = super().default_response_headers  # type: ignore[misc]
        return {**headers, "Cache-Control": "private, no-store"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        # DRF would take such a body for an empty one.
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            raise LengthRequired


class APIView(_OfTheApi, FrameworkView):
    pass


class ListAPIView(_OfTheApi, FrameworkListView):
    pass
