"""A Wagtail with so many images, in an environment of its own, to see its list of images beside ours."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_SETTINGS = """
import json, os, pathlib
BASE = pathlib.Path(__file__).parent
SECRET_KEY = "only-for-the-bench"
ALLOWED_HOSTS = ["*"]
DEBUG = False
DATABASES = {"default": json.loads(os.environ["WAGTAIL_DATABASE"])}
INSTALLED_APPS = [
    "wagtail.users", "wagtail.images", "wagtail.documents", "wagtail.snippets", "wagtail.embeds",
    "wagtail.search", "wagtail.admin", "wagtail.sites", "wagtail", "modelcluster", "taggit",
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "site_urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
STATIC_URL, STATIC_ROOT = "/static/", str(BASE / "static")
MEDIA_URL, MEDIA_ROOT = "/media/", str(BASE / "media")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
WAGTAIL_SITE_NAME = "Bench"
WAGTAILADMIN_BASE_URL = "http://127.0.0.1"
WAGTAILIMAGES_INDEX_PAGE_SIZE = 48
USE_TZ = True
"""
_URLS = """
from django.urls import include, path
from wagtail.admin import urls
urlpatterns = [path("admin/", include(urls))]
"""
_ASGI = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
from django.core.asgi import get_asgi_application
application = get_asgi_application()
"""
# The renditions that the list asks for are there already, and each image has tags as ours have.
_FILL = """
import itertools, json, os, random, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
import django
django.setup()
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from taggit.models import Tag, TaggedItem
from wagtail.images.models import Image, Rendition
from wagtail.models import Collection
from wagtail.images import get_image_model
number, file = int(sys.argv[1]), sys.argv[2]
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
admin = {"is_superuser": True, "is_staff": True}
user, _ = get_user_model().objects.get_or_create(username="bench", defaults=admin)
dice = random.Random(1)
def fill():
    data = open(file, "rb").read()
    names = [default_storage.save(f"original_images/{n}.jpg", ContentFile(data)) for n in range(50)]
    root = Collection.get_first_root_node()
    for start in range(0, number, 5000):
        images = Image.objects.bulk_create([
            Image(title=f"a lighthouse at dusk {n}", file=dice.choice(names), width=1024, height=1024,
                  uploaded_by_user=user, collection=root, file_size=len(data))
            for n in range(start, min(number, start + 5000))
        ])
        Rendition.objects.bulk_create([
            Rendition(image=image, filter_spec=spec, width=165, height=165, file=image.file.name,
                      focal_point_key="")
            for image in images
            for spec in ("max-165x165", "max-165x165|format-avif", "max-165x165|format-webp")
        ])
    tags = Tag.objects.bulk_create([Tag(name=f"tag {n}", slug=f"tag-{n}") for n in range(5000)])
    kind = ContentType.objects.get_for_model(Image)
    cumulative = list(itertools.accumulate(1 / (n + 1) for n in range(5000)))
    wanted = []
    # Read whole before anything is written: SQLite's reading stops at the first commit.
    for pk in list(Image.objects.values_list("pk", flat=True)):
        times = dice.choice((0, 0, 1, 2, 3, 4, 6))
        for tag in set(dice.choices(range(5000), cum_weights=cumulative, k=times)):
            wanted.append(TaggedItem(tag=tags[tag], content_type=kind, object_id=pk))
    TaggedItem.objects.bulk_create(wanted, batch_size=5000)

# As many uses as `seed_gallery` makes: 2.2 a picture.
if TaggedItem.objects.count() < 2 * number:
    with transaction.atomic():
        TaggedItem.objects.all().delete()
        Tag.objects.all().delete()
        Rendition.objects.all()._raw_delete("default")
        Image.objects.all()._raw_delete("default")
        fill()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
client = Client()
client.force_login(user)
page = client.get("/admin/images/")
assert page.status_code == 200, page.status_code
print(json.dumps({
    "images": Image.objects.count(),
    "cookie": client.cookies["sessionid"].value,
    "tag uses": TaggedItem.objects.count(),
    "renditions": Rendition.objects.count(),
    "tiles": page.content.decode().count("max-165x165") or page.content.decode().count("<img"),
}))
"""


def lacking(folder: Path) -> str:
    """Make the environment where it isn't there yet; why it can't be had, empty when it can."""
    if _python(folder).exists():
        return ""
    made = subprocess.run(
        [sys.executable, "-m", "venv", folder / "venv"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        return f"no environment for Wagtail: {made.stderr[-300:]}"
    wanted = ["wagtail>=7", "psycopg[binary]", "uvicorn"]
    got = subprocess.run(
        [_python(folder), "-m", "pip", "install", "--quiet", *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    if got.returncode:
        return f"Wagtail can't be installed: {got.stderr[-300:]}"
    return ""


def fill(folder: Path, database: Mapping[str, str], *, images: int, picture: Path) -> dict[str, str]:
    """Write the project and its images, where they aren't there yet; the facts, with the session's cookie.

    :raises RuntimeError: it fails, with what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("site_settings", _SETTINGS),
        ("site_urls", _URLS),
        ("site_asgi", _ASGI),
        ("fill", _FILL),
    ):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [_python(folder), "fill.py", str(images), picture],
        cwd=folder, env=environment(database), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def environment(database: Mapping[str, str]) -> dict[str, str]:
    """What its processes are started with."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"WAGTAIL_DATABASE": json.dumps(database), "DJANGO_SETTINGS_MODULE": "site_settings"}


def python(folder: Path) -> str:
    return str(_python(folder))


def _python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"
