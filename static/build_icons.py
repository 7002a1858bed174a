"""Draw static/icons.svg, the one sprite of the icons the pages use.

Needs an unpacked lucide-static package (``npm pack lucide-static@1.62.0``):

    python static/build_icons.py path/to/package/icons

To use a further icon, add its Lucide name to NAMES and run this again.
"""

import re
import sys
from pathlib import Path

SPRITE = Path(__file__).with_name("icons.svg")
VERSION = "1.62.0"
NAMES = """
archive arrow-down arrow-left arrow-right arrow-up arrow-up-right ban bell book-open bookmark brush
building-2 calendar calendar-clock check chevron-down chevron-left chevron-right chevrons-left-right
circle-alert circle-check circle-help circle-user-round clock cloud-alert code coins columns-2 copy
corner-up-left dices download ellipsis eraser external-link eye eye-off fingerprint folder folder-plus
git-branch globe grid-3x3 grip-vertical heart image image-off image-plus images info key-round keyboard
link loader-circle lock lock-open log-out mail maximize merge minus monitor moon panel-right-close pause
pencil pipette plus refresh-cw rotate-ccw search settings share-2 shield-alert shield-check shuffle
sliders-horizontal smartphone sun sun-moon tag trash-2 triangle-alert undo-2 upload user users wallet
webhook wifi-off x zoom-in
"""


def symbol(name: str, svg: str) -> str:
    """The drawing of one icon file as a symbol; stroke and size come from the page's own CSS."""
    body = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL)
    if body is None:
        raise ValueError(f"{name} is not an SVG file")
    drawing = "".join(line.strip() for line in body.group(1).splitlines())
    return f'<symbol id="{name}" viewBox="0 0 24 24">{drawing}</symbol>'


def sprite(icons: Path) -> str:
    """Every icon of NAMES in one document."""
    symbols = [symbol(name, (icons / f"{name}.svg").read_text()) for name in NAMES.split()]
    head = f'<!-- Lucide {VERSION}, ISC licence: see vendor/LICENSES.md -->\n<svg xmlns="http://www.w3.org/2000/svg">'
    return "\n".join([head, *symbols, "</svg>", ""])


if __name__ == "__main__":
    SPRITE.write_text(sprite(Path(sys.argv[1])))
