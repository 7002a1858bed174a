from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import connections
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_keep_ledger, sender=self)


def _keep_ledger(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """The system's accounts and the ledger's triggers are there after every migrate, whatever it rebuilt."""
    from accounts import ledger, ledger_rules

    try:
        account = apps.get_model("accounts", "CreditAccount")
    except LookupError:  # migrated back to before there were credits
        return
    for code in ("issued", "spent", "expired"):
        account.objects.using(using).get_or_create(code=code, defaults={"kind": "system"})
    ledger.forget_system_accounts()
    ledger_rules.keep(connections[using])
