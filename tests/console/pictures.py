"""The pictures of the documents, and in which windows pages are looked at.

With CONSOLE_PICTURES=FOLDER, `./dev test tests/console/test_browser.py` makes them of all pages.
"""

import os
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image
from playwright.sync_api import FloatRect, Page, ViewportSize

from agentkit.processes import ROOT


class Look(NamedTuple):
    """A device, and whether it is dark."""

    device: str
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.device}-{self.scheme}"


# Where only those are made that are there already.
DOCUMENTS = ROOT / "docs" / "assets" / "console"
_COLOURS_COUNT = 64
# A page may be long.
_HEIGHT_MAX = 1400
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1180, "height": 760},
    "phone": {"width": 390, "height": 760},
}


def take_picture(page: Page, name: str, look: str) -> None:
    """Take one, where somebody wants them."""
    if folder := os.environ.get("CONSOLE_PICTURES"):
        path = Path(folder, f"{name}-{look}.png")
        if path.parent.resolve() == DOCUMENTS and not path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        height = min(page.evaluate("document.documentElement.scrollHeight"), _HEIGHT_MAX)
        width = page.evaluate("window.innerWidth")
        clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
        page.screenshot(path=path, full_page=True, clip=clip)
        with Image.open(path) as picture:
            picture.quantize(_COLOURS_COUNT).save(path, optimize=True)
