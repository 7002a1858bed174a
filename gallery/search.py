"""Finding pictures by words."""

from gallery.models import ImageQuerySet

WORDS_MAX = 12
TEXT_MAX = 200


def clean(text: str) -> str:
    """What a person typed, as it is searched for and shown again."""
    return " ".join("".join(letter for letter in text if letter.isprintable()).split())[:TEXT_MAX]


def search(queryset: ImageQuerySet, text: str) -> ImageQuerySet:
    """The pictures whose prompt has every word of `text`, in any case and order; all of them for no words."""
    for word in clean(text).split()[:WORDS_MAX]:
        queryset = queryset.filter(prompt__icontains=word)
    return queryset
