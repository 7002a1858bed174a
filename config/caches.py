"""A cache that may be away: what was kept is then simply not there, and nothing takes a decision by it."""

from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)


class ForgivingRedisCache(RedisCache):
    """Django's cache on Redis; while Redis can't be reached it is empty and keeps nothing."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """What is kept, or `default`."""
        return self._forgive(default, super().get, key, default, version)

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        """What is kept of these."""
        found: dict[Any, Any] = self._forgive({}, super().get_many, keys, version)
        return found

    def set(self, key: Any, value: Any, *args: Any, **options: Any) -> None:
        """Keep a value."""
        self._forgive(None, super().set, key, value, *args, **options)

    def add(self, key: Any, value: Any, *args: Any, **options: Any) -> bool:
        """Keep a value where there is none; whether it was kept."""
        return bool(self._forgive(False, super().add, key, value, *args, **options))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Count on, from what is kept; `delta` while nothing is kept."""
        return int(self._forgive(delta, super().incr, key, delta, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Keep it no longer; whether it was there."""
        return bool(self._forgive(False, super().delete, key, version))

    def _forgive(self, otherwise: Any, act: Any, *args: Any, **options: Any) -> Any:
        from redis.exceptions import RedisError

        try:
            return act(*args, **options)
        except RedisError as error:
            log.warning("the cache is away", error=type(error).__name__)
            return otherwise
