"""Attempts made before places were written were for all pictures of their generation."""

from django.db import migrations


def fill(apps, schema_editor):
    attempt = apps.get_model("generation", "Attempt")
    counts = apps.get_model("generation", "Generation").objects.values_list("count", flat=True)
    for count in sorted(set(counts.order_by().distinct())):
        attempt.objects.filter(generation__count=count).update(positions=list(range(1, count + 1)))


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0006_providers_models_and_turns"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
