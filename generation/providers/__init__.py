"""Client side of the wire formats: one adapter a provider, httpx and `wire` and nothing else of ours."""
