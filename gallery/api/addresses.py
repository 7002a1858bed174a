"""Addresses of picture files that also work without a header for a short while, as an `<img>` needs them."""

from django.conf import settings
from django.core import signing
from rest_framework.request import Request
from rest_framework.reverse import reverse

from gallery.models import Image

_SALT = "gallery.api.file"


def of_file(request: Request, image: Image, variant: str) -> str:
    """Absolute; for `settings.FILE_ADDRESS_SECONDS` it needs neither key nor session."""
    path = reverse("api:image-file", args=[image.public_id], request=request)
    token = signing.TimestampSigner(salt=_SALT).sign_object([str(image.public_id), variant])
    return f"{path}?size={variant}&token={token}"


def of_preview(request: Request, image: Image) -> str:
    """Absolute; needs the key or session of its owner, who sees it in the trash too."""
    return f"{reverse('api:image-file', args=[image.public_id], request=request)}?size=320"


def is_signed(token: str, image_id: object, variant: str) -> bool:
    """Whether the token was made for that picture and variant, and its time isn't over."""
    try:
        named = signing.TimestampSigner(salt=_SALT).unsign_object(
            token, max_age=settings.FILE_ADDRESS_SECONDS
        )
    except signing.BadSignature:
        return False
    return bool(named == [str(image_id), variant])
