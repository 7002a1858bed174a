"""`/healthz`: the process answers. `/readyz`: database, queue and storage do too. Neither asks a provider."""

from collections.abc import Callable

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django_q.brokers import get_broker

log = structlog.get_logger(__name__)


def alive(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 with each part "ok", or 503 naming the part that is not; no detail of why leaves the logs."""
    parts = {"database": _database, "queue": _queue, "storage": _storage}
    report = {name: _ask(name, part) for name, part in parts.items()}
    good = set(report.values()) == {"ok"}
    return JsonResponse({"status": "ok" if good else "unavailable", **report}, status=200 if good else 503)


def _ask(name: str, part: Callable[[], None]) -> str:
    try:
        part()
    except Exception:  # whatever is wrong with it, the answer is that it is not ready
        log.exception("not ready", part=name)
        return "unavailable"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _queue() -> None:
    if not get_broker().ping():
        raise ConnectionError("the queue's broker did not answer")


def _storage() -> None:
    name = default_storage.save("readyz/probe", ContentFile(b"ok"))
    default_storage.delete(name)
