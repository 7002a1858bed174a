"""What the browser loads is ours to serve, small, and licensed."""

import gzip
import re
from pathlib import Path

import pytest
from django.test import Client

from tests import factories
from tests.gallery import rows

STATIC = Path(__file__).resolve().parents[2] / "static"
TEMPLATES = STATIC.parent / "templates"
SHEETS = sorted(STATIC.rglob("*.css"))
KILOBYTE = 1_000


def compressed(files: list[Path]) -> int:
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


@pytest.fixture
def pages(client: Client) -> dict[str, str]:
    """The pages that load most, as an admin gets them."""
    user = factories.person(is_staff=True, is_superuser=True)
    image = rows.image(user)
    client.force_login(user)
    paths = (
        "/",
        "/gallery/",
        f"/images/{image.public_id}/",
        "/people/",
        "/providers/",
        "/credits/",
        "/share/",
    )
    return {path: client.get(path).content.decode() for path in paths}


def loaded(page: str, address: str) -> set[Path]:
    """The files of ours that a page's addresses of this form name, and the modules these import."""
    found: set[Path] = set()
    waiting = [STATIC / path.removeprefix("/static/") for path in re.findall(address, page)]
    while waiting:
        file = waiting.pop().resolve()
        if file in found:
            continue
        found.add(file)
        imports = re.findall(r"""^(?:import|export) .*?["'](\.[^"']+)["']""", file.read_text(), re.MULTILINE)
        waiting += [file.parent / path for path in imports] if file.suffix == ".js" else []
    return found


@pytest.mark.django_db
def test_a_pages_styles_stay_within_45_kilobytes(pages: dict[str, str]) -> None:
    for path, page in pages.items():
        files = loaded(page, r'<link rel="stylesheet" href="([^"]+)"')
        assert 5 * KILOBYTE < compressed(sorted(files)) <= 45 * KILOBYTE, path


@pytest.mark.django_db
def test_a_pages_scripts_stay_within_70_kilobytes(pages: dict[str, str]) -> None:
    for path, page in pages.items():
        files = loaded(page, r'<script [^>]*src="([^"]+)"')
        assert 5 * KILOBYTE < compressed(sorted(files)) <= 70 * KILOBYTE, path


def test_the_fonts_of_every_page_stay_within_90_kilobytes() -> None:
    fonts = [file for file in (STATIC / "vendor").glob("geist-*-latin.woff2") if file.stat().st_size]
    first = sum(font.stat().st_size for font in fonts)

    assert len(fonts) == 2
    assert first <= 90 * KILOBYTE


def test_every_vendor_file_names_its_version_and_its_licence() -> None:
    licences = (STATIC / "vendor" / "LICENSES.md").read_text()
    files = [f.name for f in (STATIC / "vendor").iterdir() if f.suffix in {".js", ".css", ".woff2"}]

    assert files
    for name in files:
        assert re.search(r"-\d+\.\d+\.\d+", name), name
        family = re.sub(r"-(latin|latin-ext|cyrillic|vietnamese)\.woff2$", "-*.woff2", name)
        assert family in licences, name


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_style_sheet_points_only_at_files_that_are_here(sheet: Path) -> None:
    for address in re.findall(r'url\("?([^")]+)"?\)', sheet.read_text()):
        assert address.startswith("#") or (sheet.parent / address).resolve().is_file(), address


@pytest.mark.parametrize("script", sorted(STATIC.rglob("*.js")), ids=lambda script: script.name)
def test_a_script_asks_for_no_source_map(script: Path) -> None:
    assert "sourceMappingURL" not in script.read_text()


def test_every_icon_in_the_templates_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    texts = [file.read_text() for file in TEMPLATES.rglob("*.html")]
    named = {name for text in texts for name in re.findall(r'{% icon "([\w-]+)"', text)}

    assert named - drawn == set()


def test_every_static_file_in_the_templates_is_here() -> None:
    texts = [file.read_text() for file in TEMPLATES.rglob("*.html")]
    named = {name for text in texts for name in re.findall(r'{% static "([^"]+)"', text)}
    ours = {name for name in named if not name.startswith(("account/", "mfa/", "drf_spectacular_sidecar/"))}

    assert {name for name in ours if not (STATIC / name).is_file()} == set()
