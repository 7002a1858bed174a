"""An event may be everybody's, and PostgreSQL tells whoever listens of each, when it is committed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TELL = """
CREATE OR REPLACE FUNCTION easel_event_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('easel_events', COALESCE(NEW.user_id::text, ''));
  RETURN NULL;
END $$;
CREATE TRIGGER easel_event_is_told AFTER INSERT ON accounts_event
  FOR EACH ROW EXECUTE FUNCTION easel_event_is_told();
"""
TELL_NO_MORE = """
DROP TRIGGER IF EXISTS easel_event_is_told ON accounts_event;
DROP FUNCTION IF EXISTS easel_event_is_told();
"""


def tell(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(TELL)


def tell_no_more(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(TELL_NO_MORE)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_report_indexes")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(tell, tell_no_more),
    ]
