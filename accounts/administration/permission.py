"""Who may do what to credits and rules."""

from django.conf import settings

from accounts.ledger_refusals import Refusal
from accounts.models import Membership, Team, User

SEE, GRANT = "accounts.see_credits", "accounts.grant_credits"
ADJUST, RULES = "accounts.adjust_credits", "accounts.set_rules"


class NotAllowed(Refusal):
    """The actor lacks the permission for it."""

    code = "not_allowed"

    def __init__(self) -> None:
        super().__init__("You may not do this. Ask an admin who may.")


class OwnAccount(Refusal):
    """An admin would give to themselves."""

    code = "own_account"

    def __init__(self) -> None:
        super().__init__("You can't give credits to yourself. Ask another admin.")


def check_permission(by: User | None, permission: str) -> None:
    """:raises NotAllowed:"""
    if by is not None and not by.has_perm(permission):
        raise NotAllowed


def check_gives_to_another(by: User | None, user: User) -> None:
    """:raises OwnAccount:"""
    if by is not None and by.pk == user.pk and not settings.ADMINS_MAY_GRANT_THEMSELVES:
        raise OwnAccount


def check_scope_gives_to_others(by: User, user: User | None, team: Team | None) -> None:
    """Nobody sets an allowance for themselves or for the team they are in.

    :raises OwnAccount:
    """
    if user is not None:
        check_gives_to_another(by, user)
    if team is not None and Membership.objects.filter(user=by, team=team).exists():
        check_gives_to_another(by, by)
