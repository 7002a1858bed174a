"""The system's accounts, and the triggers that hold the ledger's rules."""

from django.db import migrations

from accounts import ledger_rules


def open_system_accounts(apps, schema_editor):
    account = apps.get_model("accounts", "CreditAccount")
    for code in ("issued", "spent", "expired"):
        account.objects.get_or_create(code=code, defaults={"kind": "system"})


def install_rules(apps, schema_editor):
    ledger_rules.install(schema_editor.connection)


def remove_rules(apps, schema_editor):
    ledger_rules.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_people_and_credits")]

    operations = [
        migrations.RunPython(open_system_accounts, migrations.RunPython.noop),
        migrations.RunPython(install_rules, remove_rules),
    ]
