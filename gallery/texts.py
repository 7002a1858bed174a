"""Names, titles and notes as they are kept: what people typed without what can't be seen or stored."""

import unicodedata


def line(text: str) -> str:
    """On one line, with single spaces and nothing unprintable."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return unicodedata.normalize("NFC", " ".join(shown.split()))


def paragraphs(text: str) -> str:
    """As it is, with plain line breaks and nothing unprintable besides them."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(letter for letter in plain if letter == "\n" or letter.isprintable()).strip()
