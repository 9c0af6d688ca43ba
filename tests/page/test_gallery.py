"""The pictures that the browser keeps."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.page.accessibility import barriers
from tests.support.page.browser import Open
from tests.support.page.pictures import fill, paint, tiles
from tests.support.running_server import RunningServer

SWIPE = """([from, to]) => {
  const picture = document.querySelector(".viewer-picture");
  for (const [type, clientX] of [["pointerdown", from], ["pointerup", to]])
    picture.dispatchEvent(new PointerEvent(type, { clientX, clientY: 200, bubbles: true }));
}"""


def test_the_gallery_is_searched_exported_and_emptied(pictures: Page, tmp_path: Path) -> None:
    for prompt in ("A red house", "A blue boat"):
        fill(pictures, prompt)
        paint(pictures)
    expect(tiles(pictures)).to_have_count(2)
    with pictures.expect_download() as download:
        pictures.get_by_role("button", name="Download all").click()
    archive = tmp_path / "all.zip"
    download.value.save_as(archive)
    pictures.get_by_label("Search").fill("BLUE")
    expect(tiles(pictures)).to_have_count(1)
    tiles(pictures).click()
    pictures.get_by_role("button", name="Copy the prompt").click()
    assert pictures.evaluate("navigator.clipboard.readText()") == "A blue boat"
    pictures.get_by_role("button", name="Delete", exact=True).click()
    pictures.get_by_role("dialog", name="Delete this picture?").get_by_role("button", name="Delete").click()
    expect(pictures.get_by_text("No picture has these words.")).to_be_visible()
    pictures.get_by_label("Search").fill("")
    expect(tiles(pictures)).to_have_count(1)
    assert names_in(archive) == ["A-blue-boat", "A-red-house"]


def names_in(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        for name in opened.namelist():
            assert Image.open(opened.open(name)).size == (64, 64)
        return [re.sub(r"^\d{4}-[\d-]+-(.*)-\d+\.png$", r"\1", name) for name in opened.namelist()]


def test_keys_and_swipes_go_through_the_pictures(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url, phone=True)
    page.goto("/#/pictures")
    for prompt in ("One", "Two", "Three"):
        fill(page, prompt)
        paint(page)
    expect(tiles(page)).to_have_count(3)
    page.get_by_role("button", name="Open: Three").click()
    viewer = page.get_by_role("dialog", name="Picture")
    assert barriers(page) == []
    page.keyboard.press("ArrowRight")
    expect(viewer.get_by_text("2 of 3")).to_be_visible()
    page.evaluate(SWIPE, [300, 100])
    expect(viewer.get_by_text("3 of 3")).to_be_visible()
    page.evaluate(SWIPE, [100, 300])
    expect(viewer.get_by_text("2 of 3")).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
