import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0009_claims_lost_in_a_row"),
    ]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="retry_of",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="retries",
                to="generation.generation",
            ),
        ),
    ]
