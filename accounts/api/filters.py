"""Query parameters of lists."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

OF_EVERY_LIST = frozenset({"cursor", "limit"})


class StrictFilterBackend(DjangoFilterBackend):
    """Refuses a parameter that is no filter of the list, where a typing error would else answer all of it."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        """:raises ValidationError:"""
        known = OF_EVERY_LIST | set(self.get_filterset_class(view, queryset).base_filters)
        check_parameters(request, known)
        if empty := sorted(name for name, values in request.query_params.lists() if "" in values):
            # Without a value the filter would be left out.
            raise ValidationError(dict.fromkeys(empty, "Give it a value, or leave it out."), code="blank")
        filtered: QuerySet = super().filter_queryset(request, queryset, view)
        return filtered


def check_parameters(request: Request, known: frozenset[str] | set[str]) -> None:
    """:raises ValidationError: naming each query parameter that isn't known."""
    unknown = sorted(set(request.query_params) - known)[:20]
    if unknown:
        words = f"There is no such parameter. Known are {', '.join(sorted(known))}."
        raise ValidationError({name[:80]: ErrorDetail(words, code="unknown_parameter") for name in unknown})
