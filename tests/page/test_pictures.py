"""Pictures in the page: orders, progress, masks, the gallery."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.support.page.accessibility import barriers
from tests.support.page.browser import Open
from tests.support.page.pictures import PROMPT, downloaded, fill, paint, png_file, tiles
from tests.support.running_server import RunningServer, running, wait_until
from tests.support.tiny_sd import tiny_sd

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
    expect(pictures.get_by_text("The form has the settings of that picture.")).to_be_visible()
    expect(pictures.get_by_role("button", name="Paint", exact=True)).to_be_focused()
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
    expect(work.get_by_text(re.compile("Not painted: .*LoRA"))).to_be_visible()
    work.get_by_role("button", name="Try again").click()
    expect(work.get_by_text(re.compile("Not painted: .*LoRA"))).to_be_visible()
    work.get_by_role("button", name="Dismiss").click()
    expect(work).to_be_hidden()


DROP = """([selector, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(drop);
}"""


def test_a_picture_is_dropped_and_one_that_is_none_is_refused(pictures: Page) -> None:
    for content, is_picture in ((b"These are only words", False), (png_file()["buffer"], True)):
        pictures.evaluate(DROP, [".drop-zone", base64.b64encode(content).decode()])
        if not is_picture:
            expect(pictures.get_by_text("This file is no picture that the browser can show.")).to_be_visible()
    expect(pictures.get_by_alt_text("Input picture")).to_be_visible()
    expect(pictures.get_by_role("combobox", name="Size")).to_have_value("input")


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
