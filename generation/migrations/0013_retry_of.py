import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0012_late_answers"),
    ]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="retry_of",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                db_index=False,
                related_name="+",
                to="generation.generation",
            ),
        ),
    ]
