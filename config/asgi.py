"""The ASGI application: `uvicorn config.asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from django.db import connections  # noqa: E402

from config.serving import CONNECTION_SECONDS, Handler  # noqa: E402

# In this process, where threads answer one request after another; elsewhere a connection is for one task.
for database in connections.settings.values():
    database["CONN_MAX_AGE"] = CONNECTION_SECONDS
application = Handler()
