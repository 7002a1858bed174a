"""Easel's settings as the suite runs them: a folder of its own, no `.env`, cheap hashing, N+1 watched."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp(prefix="easel-test-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

# What a developer has set for `make run` must not change what the suite proves.
for _name in (
    "SITE_URL",
    "REDIS_URL",
    "AWS_STORAGE_BUCKET_NAME",
    *(
        f"{name}_{what}"
        for name in ("AIMLAPI", "GEMINI", "GMI", "ONEMIN", "OPENAI")
        for what in ("API_KEY", "BASE_URL")
    ),
    "PORT",
    "DEBUG",
):
    os.environ.pop(_name, None)
os.environ["DATA_DIR"] = str(_folder)

from config.env import env  # noqa: E402 - the environment comes first

env.read_env = lambda *_, **__: None  # type: ignore[assignment,method-assign]

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE, PROVIDER_KEYS, STATIC_ROOT, STORAGES  # noqa: E402

_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads then meet the same locks as processes do in production.
    _database["TEST"] = {"NAME": str(_folder / "test.sqlite3")}
else:
    # The process id keeps two runs on one server apart.
    _database["TEST"] = {"NAME": f"test_easel_{os.getpid()}"}

# One provider is set up, at its vendor's address, which nothing here reaches.
PROVIDER_KEYS = {**PROVIDER_KEYS, "aimlapi": "key-of-tests"}

STATIC_ROOT.mkdir()  # whitenoise warns of a missing one

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}

# A query in a loop inside one request is an error.
INSTALLED_APPS = [*INSTALLED_APPS, "zeal"]
MIDDLEWARE = [*MIDDLEWARE, "zeal.middleware.zeal_middleware"]
ZEAL_RAISE = True
# Django fetches a session once to read it and once to delete it; allauth asks for each when it lists them.
ZEAL_ALLOWLIST = [{"model": "sessions.Session"}]
