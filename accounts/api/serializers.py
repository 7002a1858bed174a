"""Credits as the API shows them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import LedgerEntry


class CreditsOutput(serializers.Serializer):
    """A person's credits now, in whole credits: `available` is `balance` less `held`."""

    balance = serializers.IntegerField()
    held = serializers.IntegerField()
    available = serializers.IntegerField()


class EntryOutput(serializers.ModelSerializer):
    """One line of the statement, from the side of the person who reads it."""

    amount = serializers.SerializerMethodField(help_text="Credits; negative for what left the account.")
    balance = serializers.SerializerMethodField(help_text="Credits in the account after this entry.")
    reference = serializers.CharField(help_text="The id of the generation it belongs to; empty for none.")

    class Meta:
        model = LedgerEntry
        fields = ["kind", "amount", "balance", "reason", "reference", "created_at"]

    @extend_schema_field(int)
    def get_amount(self, entry: LedgerEntry) -> int:
        return entry.amount if self._incoming(entry) else -entry.amount

    @extend_schema_field(int)
    def get_balance(self, entry: LedgerEntry) -> int:
        after = entry.destination_balance if self._incoming(entry) else entry.source_balance
        assert after is not None, "the database keeps it for a person's side"
        return after

    def _incoming(self, entry: LedgerEntry) -> bool:
        return bool(entry.destination_id == self.context["account_id"])
