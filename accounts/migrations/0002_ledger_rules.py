"""The system's accounts. The triggers come at the end of every `migrate`, when all their columns are there."""

from django.db import migrations

from accounts import ledger_rules


def open_system_accounts(apps, schema_editor):
    account = apps.get_model("accounts", "CreditAccount")
    for code in ("issued", "spent", "expired"):
        account.objects.get_or_create(code=code, defaults={"kind": "system"})


def remove_rules(apps, schema_editor):
    ledger_rules.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_people_and_credits")]

    operations = [
        migrations.RunPython(open_system_accounts, migrations.RunPython.noop),
        migrations.RunPython(migrations.RunPython.noop, remove_rules),
    ]
