"""A Redis that is away takes nothing along but what it kept."""

from django.core.cache import cache
from django.test import override_settings

AWAY = {"default": {"BACKEND": "config.caches.ForgivingRedisCache", "LOCATION": "redis://127.0.0.1:1/0"}}


@override_settings(CACHES=AWAY)
def test_while_redis_is_away_the_cache_is_empty_and_keeps_nothing() -> None:
    cache.set("a", 1)

    assert cache.get("a", "otherwise") == "otherwise"
    assert cache.get_many(["a"]) == {}
    assert cache.add("a", 1) is False
    assert cache.delete("a") is False
    assert cache.incr("a") == 1
    assert cache.get_or_set("a", lambda: 2) == 2
