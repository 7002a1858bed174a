import django_filters

from generation.models import Generation


class GenerationFilter(django_filters.FilterSet):
    """`?status=queued&status=running`: any of these."""

    status = django_filters.MultipleChoiceFilter(
        choices=Generation.Status.choices, help_text="Only these; may be repeated."
    )

    class Meta:
        model = Generation
        fields = ["status"]
