"""Static files whose names are looked up once."""

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


class KnownStaticFiles(CompressedManifestStaticFilesStorage):
    """As WhiteNoise's own. A page asks for some fifty addresses, and none changes while a process runs."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._known: dict[str, str] = {}

    def url(self, name: str, force: bool = False) -> str:
        address = self._known.get(name)
        if address is None:
            address = super().url(name, force)
            if not force:
                self._known[name] = address
        return address
