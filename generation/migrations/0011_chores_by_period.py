from django.db import migrations, models


class Migration(migrations.Migration):
    """The rows that said when each is due next give way to one a period; what is due is done once more."""

    dependencies = [
        ("generation", "0010_worker_processes"),
    ]

    operations = [
        migrations.DeleteModel(name="Chore"),
        migrations.CreateModel(
            name="Chore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20)),
                ("period", models.DateTimeField(verbose_name="when the period began")),
                (
                    "status",
                    models.CharField(
                        choices=[("due", "Due"), ("taken", "Taken"), ("done", "Done")],
                        default="due",
                        max_length=5,
                    ),
                ),
                ("again_at", models.DateTimeField()),
                ("times_sent", models.PositiveIntegerField(default=0)),
                ("times_taken", models.PositiveIntegerField(default=0)),
                ("place", models.CharField(blank=True, max_length=200)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("name", "period"), name="generation_chore_one_a_period")
                ],
            },
        ),
    ]
