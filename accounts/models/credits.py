"""The rows of the credit ledger; `accounts.ledger` alone writes them.

Balances, held amounts and refunded amounts are kept by triggers (see `accounts.ledger_rules`), which also
refuse a changed or deleted entry and a second end of a hold.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class CreditAccount(models.Model):
    """Where credits are: one row for a person, and one for each of the system's accounts."""

    class Kind(models.TextChoices):
        PERSON = "person"
        SYSTEM = "system"

    class Code(models.TextChoices):
        ISSUED = "issued"
        SPENT = "spent"
        EXPIRED = "expired"

    kind = models.CharField(max_length=10, choices=Kind)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="credit_account"
    )
    # Null for people's accounts: many nulls are unique, many empty texts are not.
    code = models.CharField(max_length=10, choices=Code, null=True, unique=True)  # noqa: DJ001
    balance = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)

    class Meta:
        permissions = [
            ("see_credits", "See everybody's credits"),
            ("grant_credits", "Grant and take back credits"),
            ("adjust_credits", "Correct balances and refund"),
            ("set_rules", "Set allowances, caps and teams"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="person", user__isnull=False, code__isnull=True)
                | Q(kind="system", user__isnull=True, code__isnull=False),
                name="accounts_creditaccount_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(held__gte=0, held__lte=F("balance")),
                name="accounts_creditaccount_held_within_balance",
            ),
            # One hot row for everybody: the system's balances are summed when asked for.
            models.CheckConstraint(
                condition=~Q(kind="system") | Q(balance=0, held=0),
                name="accounts_creditaccount_system_uncached",
            ),
        ]

    def __str__(self) -> str:
        return self.code or str(self.user)

    @property
    def available(self) -> int:
        """Credits that are neither spent nor held, as this row was read."""
        return self.balance - self.held


class Hold(models.Model):
    """Credits set aside for work not done yet; open, or settled once by capture and release."""

    account = models.ForeignKey(CreditAccount, on_delete=models.PROTECT, related_name="holds")
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(default=0)
    released = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    key = models.CharField(max_length=200, unique=True)
    reason = models.CharField(max_length=500)
    reference = models.CharField(max_length=64, blank=True, db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    api_key = models.ForeignKey("accounts.ApiKey", null=True, on_delete=models.PROTECT, related_name="holds")
    # The team the person was in then; a later move changes no report.
    team = models.ForeignKey(
        "accounts.Team", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="accounts_hold_amount_positive"),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, captured=0, released=0)
                | Q(
                    settled_at__isnull=False,
                    captured__gte=0,
                    released__gte=0,
                    amount=F("captured") + F("released"),
                ),
                name="accounts_hold_open_or_settled",
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("captured")),
                name="accounts_hold_refunded_within_captured",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "-id"], condition=Q(settled_at__isnull=True), name="accounts_hold_open"
            ),
            models.Index(
                fields=["account", "-settled_at", "-id"],
                condition=Q(settled_at__isnull=False, captured=0),
                name="accounts_hold_released",
            ),
            models.Index(
                fields=["team", "account"], condition=Q(team__isnull=False), name="accounts_hold_of_team"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} held for {self.reference or self.key}"

    @property
    def is_open(self) -> bool:
        return self.settled_at is None


class LedgerEntry(models.Model):
    """One movement of credits from one account to another; never changed, never deleted."""

    class Kind(models.TextChoices):
        GRANT = "grant"
        ADJUSTMENT = "adjustment"
        CAPTURE = "capture"
        REFUND = "refund"
        EXPIRY = "expiry"

    kind = models.CharField(max_length=12, choices=Kind)
    source = models.ForeignKey(CreditAccount, on_delete=models.PROTECT, related_name="+")
    destination = models.ForeignKey(CreditAccount, on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    # What a person's account holds after this entry; null on the system's side.
    source_balance = models.BigIntegerField(null=True)
    destination_balance = models.BigIntegerField(null=True)
    hold = models.ForeignKey(Hold, null=True, on_delete=models.PROTECT, related_name="entries")
    key = models.CharField(max_length=200, unique=True)
    reason = models.CharField(max_length=500)
    reference = models.CharField(max_length=64, blank=True, db_index=True)
    # For what was spent or refunded: by which team, with which key, on what. Plain facts, for reports.
    team = models.ForeignKey(
        "accounts.Team", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    api_key = models.ForeignKey(
        "accounts.ApiKey", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    model = models.CharField(max_length=80, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    images = models.PositiveSmallIntegerField(default=0)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="accounts_ledgerentry_amount_positive"),
            models.CheckConstraint(
                condition=~Q(source=F("destination")), name="accounts_ledgerentry_two_accounts"
            ),
            models.CheckConstraint(
                condition=(Q(kind__in=["capture", "refund"]) & Q(hold__isnull=False))
                | (~Q(kind__in=["capture", "refund"]) & Q(hold__isnull=True)),
                name="accounts_ledgerentry_hold_where_spent",
            ),
        ]
        indexes = [
            models.Index(fields=["source", "-id"], name="accounts_entry_source"),
            models.Index(fields=["destination", "-id"], name="accounts_entry_destination"),
            models.Index(
                fields=["source", "created_at"],
                condition=Q(kind="capture"),
                name="accounts_entry_captured_at",
            ),
            models.Index(
                fields=["destination", "created_at"],
                condition=Q(kind="refund"),
                name="accounts_entry_refunded_at",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(kind__in=["capture", "refund"]),
                name="accounts_entry_spent_at",
            ),
            models.Index(
                fields=["team", "created_at"], condition=Q(team__isnull=False), name="accounts_entry_of_team"
            ),
            models.Index(
                fields=["api_key", "-id"], condition=Q(api_key__isnull=False), name="accounts_entry_of_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount}"
