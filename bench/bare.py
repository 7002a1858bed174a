"""A bare Django: one keyset query by `values()` on the gallery's own rows, and a template of 48 `img` tags.

No session, no middleware, no shell: what Django alone takes. `uvicorn bench.bare:application` with
DATABASE_URL and BARE_OWNER.
"""

import os

import django
import environ
from django.conf import settings

_TEMPLATE = """<!DOCTYPE html><title>Pictures</title>
{% for row in rows %}<a href="/images/{{ row.public_id }}/"><img src="/files/images/{{ row.public_id }}/640" \
width="{{ row.original__width }}" height="{{ row.original__height }}" alt="{{ row.prompt }}"></a>{% endfor %}
<a href="?before={{ older }}">Older</a>"""

_database = environ.Env().db("DATABASE_URL")
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"}
else:
    _database["CONN_HEALTH_CHECKS"] = True
settings.configure(
    SECRET_KEY="only-for-the-bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": _database},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "accounts", "gallery",
    ],
    AUTH_USER_MODEL="accounts.User",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=[],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    ("django.template.loaders.cached.Loader", [
                        ("django.template.loaders.locmem.Loader", {"bare.html": _TEMPLATE}),
                    ]),
                ],
            },
        }
    ],
    USE_TZ=True,
    DEBUG=False,
    PICTURE_PROCESSES=1,
)  # fmt: skip
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402

from gallery.models import Image  # noqa: E402


def pictures(request: HttpRequest) -> HttpResponse:
    images = Image.objects.filter(owner=int(os.environ["BARE_OWNER"]), trashed_at=None)
    if before := request.GET.get("before"):
        images = images.filter(pk__lt=int(before))
    shown = images.order_by("-pk").values("pk", "public_id", "prompt", "original__width", "original__height")
    found = list(shown[:48])
    return render(request, "bare.html", {"rows": found, "older": found[-1]["pk"] if found else ""})


urlpatterns = [path("", pictures)]
application = get_asgi_application()
