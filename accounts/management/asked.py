"""What commands are asked for on the command line."""

from django.core.management.base import CommandError

from accounts.models import User


def find_person(email: str) -> User:
    """The active person of an address.

    :raises CommandError: when there is none.
    """
    user = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    if user is None:
        raise CommandError(f"Nobody active has the e-mail address {email}.")
    return user
