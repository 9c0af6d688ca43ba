"""The pictures view as a user's hands and eyes know it."""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page

PROMPT = "A lighthouse at dawn, oil painting"


def fill(page: Page, prompt: str = PROMPT, *, steps: int = 2, seed: str = "", side: int = 64) -> None:
    """Fill the form in: a picture of ``side`` x ``side`` pixels."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("combobox", name="Size").select_option("own")
    for name in ("Width", "Height"):
        page.get_by_label(name, exact=True).fill(str(side))
        page.get_by_label(name, exact=True).blur()
    page.get_by_label("Steps", exact=True).fill(str(steps))
    page.get_by_label("Seed", exact=True).fill(seed)


def paint(page: Page) -> None:
    """Order what the form says."""
    page.get_by_role("button", name="Paint", exact=True).click()


def tiles(page: Page) -> Locator:
    """The pictures of the gallery."""
    return page.get_by_role("button", name=re.compile("^Open: "))


def downloaded(page: Page, tmp_path: Path) -> bytes:
    """The PNG file of the first picture in the gallery."""
    tiles(page).first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    page.get_by_role("button", name="Close").click()
    assert path.suffix == ".png"
    return path.read_bytes()


def png_file(colour: str = "teal", size: tuple[int, int] = (64, 64)) -> FilePayload:
    """A picture of one colour, as an upload."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return {"name": "input.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
