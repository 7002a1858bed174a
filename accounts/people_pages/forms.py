"""What admins fill in: credits, allowances, caps and teams. Terms are checked again by the verbs."""

import uuid
from typing import Any

from django import forms

from accounts.bulk_files import BYTES_MAX
from accounts.ledger import AMOUNT_MAX
from accounts.ledger_refusals import REASON_MAX
from accounts.models import AllowanceRule, Cap, Lane, Membership, Team, User
from accounts.models.teams import check_time_zone
from accounts.queue_rules import CONCURRENCY_MAX

WHOLE = {
    "required": "Write how many credits.",
    "invalid": "Write a whole number of credits.",
    "min_value": "Write a whole number of credits, at least %(limit_value)s.",
    "max_value": "That is too many credits.",
}


def amount_field(*, least: int = 1, label: str = "Credits") -> forms.IntegerField:
    """A whole number of credits."""
    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
    return forms.IntegerField(
        label=label, min_value=least, max_value=AMOUNT_MAX, widget=widget, error_messages=WHOLE
    )


def reason_field(*, required: bool = True) -> forms.CharField:
    """Why; the audit log keeps it."""
    return forms.CharField(
        max_length=REASON_MAX,
        required=required,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why. It is recorded with what you do."},
    )


def zone_field() -> forms.CharField:
    """A name of the time-zone database; days, weeks and months begin there."""
    return forms.CharField(
        label="Time zone",
        max_length=60,
        initial="UTC",
        validators=[check_time_zone],
        help_text="Where its days, weeks and months begin, such as Europe/Berlin.",
    )


class OnceForm(forms.Form):
    """A form whose verb happens once, however often it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"key": uuid.uuid4(), **kwargs.get("initial", {})}
        super().__init__(*args, **kwargs)

    @property
    def once(self) -> str:
        """The idempotency key, when the form is valid."""
        return str(self.cleaned_data["key"])


class CreditsForm(OnceForm):
    """Give to a person, take back, or set what comes by itself every month."""

    GRANT, TAKE_BACK, MONTHLY = "grant", "take_back", "monthly"
    MODES = ((GRANT, "Grant"), (TAKE_BACK, "Take back"), (MONTHLY, "Set monthly"))

    mode = forms.ChoiceField(choices=MODES, initial=GRANT)
    amount = amount_field()
    kind = forms.ChoiceField(
        label="Each month",
        choices=(
            (AllowanceRule.Kind.ADD, "Add this many"),
            (AllowanceRule.Kind.TOP_UP, "Top up to this many"),
        ),
        initial=AllowanceRule.Kind.ADD,
        required=False,
    )
    reason = reason_field()

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or AllowanceRule.Kind.ADD


class CorrectionForm(OnceForm):
    """Correct a balance, upwards or downwards."""

    amount = forms.IntegerField(
        label="Credits, with a minus to take away",
        min_value=-AMOUNT_MAX,
        max_value=AMOUNT_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages=WHOLE,
    )
    reason = reason_field()

    def clean_amount(self) -> int:
        amount = int(self.cleaned_data["amount"])
        if amount == 0:
            raise forms.ValidationError("A correction moves at least one credit.")
        return amount


class AllowanceForm(forms.Form):
    """Credits that come by themselves."""

    kind = forms.ChoiceField(
        label="Every time", choices=(("add", "Add this many"), ("top_up", "Top up to this many"))
    )
    amount = amount_field()
    period = forms.ChoiceField(
        label="How often",
        choices=(("day", "Every day"), ("week", "Every week"), ("month", "Every month")),
        initial=AllowanceRule.Period.MONTH,
    )
    time_zone = zone_field()
    reason = reason_field()


class CapForm(forms.Form):
    """The most that may be spent in a period."""

    allowed = amount_field(least=0, label="Credits that may be spent")
    period = forms.ChoiceField(choices=Cap.Period.choices, initial=Cap.Period.MONTH)
    time_zone = zone_field()
    reason = reason_field()


class QueueForm(forms.Form):
    """Whose turn comes how often, and how many run at once; one of the two at least."""

    lane = forms.ChoiceField(
        required=False,
        help_text="Express gets twice the turns of normal, and normal twice those of background.",
    )
    concurrency_max = forms.IntegerField(
        label="At most at once",
        required=False,
        min_value=1,
        max_value=CONCURRENCY_MAX,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "invalid": "Write a whole number, or nothing.",
            "min_value": "Write 1 or more, or nothing.",
            "max_value": f"Write {CONCURRENCY_MAX:,} or less, or nothing.",
        },
    )
    reason = reason_field()

    def __init__(self, *args: Any, is_team: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unsaid = "Not set: normal" if is_team else "Not set: their team’s, else normal"
        self.fields["lane"].choices = [("", unsaid), *Lane.choices]  # type: ignore[attr-defined]
        self.fields["concurrency_max"].help_text = (
            "How many generations of all members together may be under way. Empty: no limit of the team’s."
            if is_team
            else "How many of their generations may be under way. Empty: no limit of their own."
        )


class ReasonForm(forms.Form):
    """Why a rule ends."""

    reason = reason_field()


class TeamForm(forms.Form):
    """A new team."""

    name = forms.CharField(max_length=80, error_messages={"required": "Give the team a name."})
    time_zone = zone_field()


class MembershipForm(forms.Form):
    """Which team a person is in; none takes the person out of theirs."""

    team = forms.ModelChoiceField(Team.objects.all(), required=False, empty_label="No team")
    role = forms.ChoiceField(choices=Membership.Role.choices, initial=Membership.Role.MEMBER)


class NewMemberForm(forms.Form):
    """Somebody for a team, by address."""

    email = forms.EmailField(label="E-mail", error_messages={"required": "Whom? Write the e-mail address."})
    role = forms.ChoiceField(choices=Membership.Role.choices, initial=Membership.Role.MEMBER)

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip()
        if not User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(f"Nobody here has the address {email}.")
        return email


class BulkGrantForm(OnceForm):
    """The same for each person chosen."""

    amount = amount_field(label="Credits for each")
    reason = reason_field()


class FileForm(forms.Form):
    """A table of who is given how many."""

    file = forms.FileField(
        label="CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )
    reason = forms.CharField(label="Reason for lines without one", max_length=REASON_MAX, required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > BYTES_MAX:
            limit = BYTES_MAX // 2**20
            raise forms.ValidationError(f"The file is too big. The limit is {limit} MB; import it in parts.")
        return file
