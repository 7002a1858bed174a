"""Keyset pages: each begins where a row was, so it costs the same at any depth and new rows shift nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

LIMIT_DEFAULT = 24
LIMIT_MAX = 100
_CURSOR = re.compile(r"(older|newer)-([0-9]{1,18})", re.ASCII)
_ROW_MAX = 10**18 - 1
_LIMIT = re.compile(r"[0-9]{1,3}", re.ASCII)


@dataclass(frozen=True)
class Cursor:
    """From which row on, and in which direction; no row is the newest end."""

    newer: bool = False
    row: int | None = None


class KeysetPagination(BasePagination):
    """`{results, next, previous}`, newest first; `next` leads to older rows. Nothing is counted."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        return self.page([queryset], request)

    def page(self, querysets: Sequence[QuerySet], request: Request) -> list[Any]:
        """A page over the union of querysets that share no row.

        :raises ValidationError: for a `cursor` or `limit` that isn't one of ours.
        """
        self._url = request.build_absolute_uri()
        self._cursor = _cursor(request.query_params.get("cursor"))
        limit = _limit(request.query_params.get("limit", str(LIMIT_DEFAULT)))
        rows = _rows(querysets, self._cursor, limit + 1)
        more = len(rows) > limit
        rows = rows[:limit]
        if self._cursor.newer:
            rows.reverse()
        self._older, self._newer = self._ends(rows, more)
        return rows

    def _ends(self, rows: list[Any], more: bool) -> tuple[Cursor | None, Cursor | None]:
        here, row = self._cursor, self._cursor.row
        if row is None:
            return (Cursor(row=rows[-1].pk) if more else None), None
        # The row the cursor names is on the page we came from, so that way there is something.
        oldest, newest = (rows[-1].pk, rows[0].pk) if rows else (min(row + 1, _ROW_MAX), max(row - 1, 0))
        older = Cursor(row=oldest) if more or here.newer else None
        newer = Cursor(newer=True, row=newest) if more or not here.newer else None
        return older, newer

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {"results": data, "next": self._link(self._older), "previous": self._link(self._newer)}
        )

    def _link(self, cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        url = remove_query_param(self._url, "cursor")
        return str(replace_query_param(url, "cursor", f"{'newer' if cursor.newer else 'older'}-{cursor.row}"))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": {**link, "description": "Address of the page of older rows."},
                "previous": {**link, "description": "Address of the page of newer rows."},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "limit",
                "in": "query",
                "description": "Rows on a page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "Where the page begins. Follow `next` and `previous` rather than making one.",
                "schema": {"type": "string", "pattern": f"^{_CURSOR.pattern}$"},
            },
        ]


def _rows(querysets: Sequence[QuerySet], cursor: Cursor, limit: int) -> list[Model]:
    order = "pk" if cursor.newer else "-pk"
    found: list[Model] = []
    for queryset in querysets:
        if cursor.row is not None:
            queryset = queryset.filter(**{"pk__gt" if cursor.newer else "pk__lt": cursor.row})
        found += queryset.order_by(order)[:limit]
    found.sort(key=lambda row: row.pk, reverse=not cursor.newer)
    return found[:limit]


def _cursor(text: str | None) -> Cursor:
    if text is None:
        return Cursor()
    parts = _CURSOR.fullmatch(text)
    if parts is None:
        raise ValidationError(
            {"cursor": "This isn't a cursor of ours. Follow next and previous."}, "invalid_cursor"
        )
    return Cursor(newer=parts[1] == "newer", row=int(parts[2]))


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= LIMIT_MAX:
        raise ValidationError({"limit": f"limit is a whole number from 1 to {LIMIT_MAX}."}, "invalid_limit")
    return int(text)
