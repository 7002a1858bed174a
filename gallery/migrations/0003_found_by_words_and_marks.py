from django.db import migrations

from gallery.search import index

_TEAM = """
    UPDATE gallery_image SET team_id =
      (SELECT m.team_id FROM accounts_membership m WHERE m.user_id = gallery_image.owner_id)
"""
_SIZE = """
    UPDATE gallery_image SET size_bytes =
      (SELECT o.size_bytes FROM gallery_original o WHERE o.id = gallery_image.original_id)
"""
_USED = """
    INSERT INTO gallery_storageuse (user_id, used_bytes, images)
      SELECT owner_id, SUM(size_bytes), SUM(images) FROM (
        SELECT owner_id, size_bytes, 1 AS images FROM gallery_image
        UNION ALL
        SELECT u.owner_id, o.size_bytes, 0 FROM gallery_upload u JOIN gallery_original o ON o.id = u.original_id
      ) kept GROUP BY owner_id
"""


def create(apps, schema_editor):
    index.create(schema_editor.connection)


def drop(apps, schema_editor):
    index.drop(schema_editor.connection)


class Migration(migrations.Migration):
    """The index itself is filled after all migrations, by `gallery.apps`: what is in it is today's code's."""

    dependencies = [
        ("accounts", "0011_queue_rules"),
        ("gallery", "0002_kept_found_and_shared"),
    ]

    operations = [
        migrations.RunPython(create, drop),
        migrations.RunSQL(_TEAM, migrations.RunSQL.noop),
        migrations.RunSQL(_SIZE, migrations.RunSQL.noop),
        migrations.RunSQL(_USED, "DELETE FROM gallery_storageuse"),
    ]
