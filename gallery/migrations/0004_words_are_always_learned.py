from django.db import migrations

# A session that replays rows or fills tables in bulk has triggers off; the words of what it writes would be
# missing, and with them what a beginning of a word finds.
_ALWAYS = "ALTER TABLE gallery_search ENABLE ALWAYS TRIGGER gallery_search_learns"
_LEARN = """
    INSERT INTO gallery_search_word (word)
      SELECT DISTINCT one.lexeme FROM gallery_search, unnest(document) one
      WHERE one.positions IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM gallery_search_word known WHERE known.word = one.lexeme)
"""


def learn(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_ALWAYS)
        schema_editor.execute(_LEARN)


class Migration(migrations.Migration):
    """On PostgreSQL: the words of all entries are known, whoever wrote them. A million take ten seconds."""

    dependencies = [
        ("gallery", "0003_found_by_words_and_marks"),
    ]

    operations = [
        migrations.RunPython(learn, migrations.RunPython.noop),
    ]
