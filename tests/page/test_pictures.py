"""Pictures in the page: orders, progress, masks, the gallery."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.support.page.accessibility import barriers
from tests.support.page.browser import Open
from tests.support.running_server import RunningServer, running, wait_until
from tests.support.tiny_sd import tiny_sd

PROMPT = "A lighthouse at dawn, oil painting"
CAPTURE = """
window.sentForms = [];
const send = window.fetch;
window.fetch = (url, options) => {
  if (options?.body instanceof FormData) window.sentForms.push(options.body);
  return send(url, options);
};
"""
"""Keeps the forms that the page sends: the browser does not tell a test the files in them."""

SENT = """async () => Object.fromEntries(await Promise.all([...window.sentForms.at(-1)].map(async ([name, value]) => [
  name, value instanceof Blob ? btoa(String.fromCharCode(...new Uint8Array(await value.arrayBuffer()))) : value])))"""

SWIPE = """([from, to]) => {
  const picture = document.querySelector(".viewer-picture");
  for (const [type, clientX] of [["pointerdown", from], ["pointerup", to]])
    picture.dispatchEvent(new PointerEvent(type, { clientX, clientY: 200, bubbles: true }));
}"""


def fill(page: Page, prompt: str = PROMPT, *, steps: int = 2, seed: str = "", side: int = 64) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("combobox", name="Size").select_option("own")
    for name in ("Width", "Height"):
        page.get_by_label(name, exact=True).fill(str(side))
        page.get_by_label(name, exact=True).blur()
    page.get_by_label("Steps", exact=True).fill(str(steps))
    page.get_by_label("Seed", exact=True).fill(seed)


def paint(page: Page) -> None:
    page.get_by_role("button", name="Paint", exact=True).click()


def tiles(page: Page) -> Locator:
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


@pytest.fixture
def pictures(server: RunningServer, visit: Open, tmp_path: Path) -> Page:
    """The pictures view of a new user."""
    page, _ = visit(server.url, downloads=tmp_path)
    page.goto("/#/pictures")
    page.get_by_role("heading", name="New picture").wait_for()
    return page


def png_file(colour: str = "teal", size: tuple[int, int] = (64, 64)) -> FilePayload:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return {"name": "input.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def test_a_picture_shows_its_steps_and_previews_and_is_kept(pictures: Page) -> None:
    fill(pictures, steps=12)
    paint(pictures)
    work = pictures.get_by_role("article", name=PROMPT)
    expect(work.get_by_text(re.compile(r"Step \d+ of 12"))).to_be_visible()
    expect(work.get_by_alt_text("Preview")).to_be_visible()
    expect(tiles(pictures)).to_have_count(1)
    expect(work).to_be_hidden()
    pictures.reload()
    expect(tiles(pictures)).to_have_count(1)
    expect(pictures.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)


def test_again_with_its_seed_is_the_same_picture(pictures: Page, tmp_path: Path) -> None:
    fill(pictures)
    paint(pictures)
    expect(tiles(pictures)).to_have_count(1)
    first = downloaded(pictures, tmp_path)
    tiles(pictures).first.click()
    pictures.get_by_role("button", name="Again with this seed").click()
    expect(pictures.get_by_label("Seed", exact=True)).to_have_value(re.compile(r"^\d+$"))
    paint(pictures)
    expect(tiles(pictures)).to_have_count(2)
    assert downloaded(pictures, tmp_path) == first
    pictures.get_by_role("button", name="A new seed each time").click()
    paint(pictures)
    expect(tiles(pictures)).to_have_count(3)
    assert downloaded(pictures, tmp_path) != first


def test_the_settings_are_read_back_from_a_png_file(pictures: Page, tmp_path: Path) -> None:
    fill(pictures, "A cat,\nin « quotes »", steps=3, seed="1234", side=128)
    pictures.get_by_label("Avoid").fill("dogs: all of them")
    pictures.get_by_text("More settings").click()
    pictures.get_by_label("Sampler").select_option("heun")
    paint(pictures)
    expect(tiles(pictures)).to_have_count(1)
    png = downloaded(pictures, tmp_path)
    fill(pictures, "Something else")
    pictures.get_by_label("Avoid").fill("")
    pictures.get_by_label("Sampler").select_option("")
    file: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": png}
    pictures.locator('input[type="file"][accept="image/png,.png"]').set_input_files([file])
    for label, value in {
        "Prompt": "A cat,\nin « quotes »",
        "Avoid": "dogs: all of them",
        "Steps": "3",
        "Seed": "1234",
        "Width": "128",
        "Sampler": "heun",
    }.items():
        expect(pictures.get_by_label(label, exact=label != "Sampler")).to_have_value(value)


def test_a_part_of_an_input_picture_is_marked_with_the_mouse(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    page.add_init_script(CAPTURE)
    page.goto("/#/pictures")
    page.reload()
    page.get_by_label("Input picture").set_input_files([png_file(size=(128, 64))])
    page.get_by_label("Change").fill("0.5")
    page.get_by_role("button", name="Paint only a part").click()
    canvas = page.get_by_label("The picture, to paint on")
    mark_left_half(page, canvas)
    assert barriers(page) == []
    page.get_by_role("button", name="Use this part").click()
    expect(page.get_by_alt_text("Only the marked part is painted anew.")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_label("Steps", exact=True).fill("2")
    expect(page.get_by_role("combobox", name="Size")).to_have_value("input")
    paint(page)
    expect(tiles(page)).to_have_count(1)
    sent: dict[str, str] = page.evaluate(SENT)
    assert (sent["prompt"], sent["strength"], sent["sample_steps"], sent["n"]) == (PROMPT, "0.5", "2", "1")
    assert "width" not in sent
    mask = Image.open(io.BytesIO(base64.b64decode(sent["mask"])))
    assert mask.size == Image.open(io.BytesIO(base64.b64decode(sent["image"]))).size == (128, 64)
    alpha = mask.getchannel("A")
    assert (alpha.getpixel((20, 32)), alpha.getpixel((110, 32))) == (0, 255)


def mark_left_half(page: Page, canvas: Locator) -> None:
    """Paint a line down at five sixths of the width, take it back, and paint one at a sixth."""
    wait_until(lambda: canvas.evaluate("canvas => canvas.width === 128"), "the picture is there to paint on")
    page.get_by_label("Width of the brush").fill("0.2")
    stroke(page, canvas, 5 / 6)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    stroke(page, canvas, 1 / 6)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def stroke(page: Page, canvas: Locator, across: float) -> None:
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] - 2, steps=4)
    page.mouse.up()


def test_an_order_can_be_stopped_while_others_wait(pictures: Page, server: RunningServer) -> None:
    for number in range(5):
        fill(pictures, f"{PROMPT} {number}", steps=150)
        paint(pictures)
    expect(pictures.get_by_text(re.compile(r"Step \d+ of 150")).first).to_be_visible()
    expect(pictures.get_by_text(re.compile(r"Number \d in the queue")).first).to_be_visible()
    expect(pictures.get_by_text("Waits for the pictures before it").first).to_be_visible()
    for left in range(4, -1, -1):
        pictures.get_by_role("button", name="Stop").first.click()
        expect(pictures.get_by_role("button", name="Stop")).to_have_count(left)
    expect(tiles(pictures)).to_have_count(0)
    wait_until(lambda: not unfinished(server), "the server has stopped them")


def unfinished(server: RunningServer) -> list[dict[str, Any]]:
    jobs = server.client.get("/v1/jobs").json()["data"]
    return [job for job in jobs if job["state"] in ("queued", "running")]


def test_a_reload_in_mid_picture_goes_on(pictures: Page, server: RunningServer) -> None:
    fill(pictures, steps=16)
    paint(pictures)
    expect(pictures.get_by_text(re.compile(r"Step \d+ of 16"))).to_be_visible()
    [job] = [job for job in server.client.get("/v1/jobs").json()["data"] if job["state"] == "running"]
    pictures.reload()
    expect(pictures.get_by_text(re.compile(r"Step \d+ of 16"))).to_be_visible()
    expect(tiles(pictures)).to_have_count(1)
    jobs = server.client.get("/v1/jobs").json()["data"]
    assert [other["id"] for other in jobs if other["created"] >= job["created"]] == [job["id"]]


def test_a_restart_of_the_router_costs_only_time(visit: Open) -> None:
    with running(str(tiny_sd())) as server:
        page, faults = visit(server.url)
        faults.expect("ERR_")  # the browser's lines about the lost connection
        faults.expect("404")
        page.goto("/#/pictures")
        fill(page, steps=40)
        paint(page)
        expect(page.get_by_text(re.compile(r"Step \d+ of 40"))).to_be_visible()
        os.kill(server.router_pid(), signal.SIGKILL)
        expect(page.get_by_text("The server cannot be reached")).to_be_visible()
        expect(tiles(page)).to_have_count(1, timeout=240_000)


def test_the_servers_words_are_shown_and_an_order_can_be_sent_again(server: RunningServer, visit: Open) -> None:
    page, faults = visit(server.url)
    faults.expect("400")
    page.goto("/#/pictures")
    fill(page, "<lora:missing:1> a cat")
    paint(page)
    work = page.get_by_role("article")
    expect(work.get_by_text(re.compile("Not painted: .*lora"))).to_be_visible()
    work.get_by_role("button", name="Try again").click()
    expect(work.get_by_text(re.compile("Not painted: .*lora"))).to_be_visible()
    work.get_by_role("button", name="Dismiss").click()
    expect(work).to_be_hidden()


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


def test_a_kept_picture_becomes_the_input(pictures: Page) -> None:
    fill(pictures)
    paint(pictures)
    tiles(pictures).click()
    pictures.get_by_role("button", name="Use as input").click()
    expect(pictures.get_by_alt_text("Input picture")).to_be_visible()
    expect(pictures.get_by_text("This picture says how it was made.")).to_be_visible()
    pictures.get_by_role("button", name="Use its settings").click()
    expect(pictures.get_by_label("Seed", exact=True)).to_have_value(re.compile(r"^\d+$"))
    pictures.get_by_role("button", name="Remove the input picture").click()
    expect(pictures.get_by_alt_text("Input picture")).to_be_hidden()
