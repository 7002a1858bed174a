"""Who is asking."""

from django.http import HttpRequest

from accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """The person behind a view that requires a sign-in."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("This view needs a signed-in person.")
    return user
