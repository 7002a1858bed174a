"""The people of a first local start."""

from accounts import ledger
from accounts.models import User

CREDITS = 1_000
PEOPLE = (
    ("admin@easel.test", "easel-admin", "Ada Admin", True),
    ("demo@easel.test", "easel-demo", "Dana Demo", False),
)


def create_people() -> list[User]:
    """Make the demonstration people with credits when nobody is there yet; answers whom it made."""
    if User.objects.exists():
        return []
    made = []
    for email, password, name, admin in PEOPLE:
        user = User.objects.create_user(email, password, name=name, is_staff=admin, is_superuser=admin)
        ledger.grant(
            user=user, amount=CREDITS, key="demonstration", reason="A start for the demonstration", by=None
        )
        made.append(user)
    return made
