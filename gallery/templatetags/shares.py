"""What the public page of a link says of a picture, without saying more than its owner chose."""

from django import template
from django.urls import reverse

from gallery import link_files
from gallery.models import Image, ShareLink

register = template.Library()
_ALT_MAX = 180


@register.simple_tag
def share_title(link: ShareLink, sharer: str) -> str:
    """Its own title, else who shares it."""
    return link.title or (f"Shared by {sharer}" if sharer else "A shared picture")


@register.simple_tag
def share_alt(link: ShareLink, image: Image, sharer: str, place: int | None = None) -> str:
    """The words for who can't see it: the prompt where it is shown, else the title and its place."""
    prompt = " ".join(image.prompt.split()) if link.shows_prompt else ""
    if prompt:
        return f"{prompt[: _ALT_MAX - 1]}…" if len(prompt) > _ALT_MAX else prompt
    title = share_title(link, sharer)
    return title if place is None else f"{title}, picture {place}"


@register.simple_tag
def share_srcset(token: str, image: Image) -> str:
    """The copies with their widths, for an `img` element's `srcset`."""
    longer = max(image.original.width, image.original.height)
    sizes = [size for size in link_files.SIZES if size < longer or size == link_files.PREVIEW]
    files = [(reverse("shared:file", args=[token, image.public_id, size]), size) for size in sizes]
    return ", ".join(f"{path} {link_files.size_of(image, size).width}w" for path, size in files)
