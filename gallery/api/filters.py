from typing import Any

import django_filters

from gallery.models import Image


class ImageFilter(django_filters.FilterSet):
    """`?mine=true`: your own; `?mine=false`: what others share."""

    mine = django_filters.ChoiceFilter(
        choices=[("true", "Your own"), ("false", "What others share")],
        method="filter_mine",
        help_text="Your own only, or only what others share.",
    )

    class Meta:
        model = Image
        fields = ["mine"]

    def filter_mine(self, queryset: Any, name: str, value: str) -> Any:
        own = {"owner": self.request.user}
        return queryset.filter(**own) if value == "true" else queryset.exclude(**own)
