"""Speaking to a chat."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.page.browser import TIMEOUT_MS, Open, opened, speaking_browser
from tests.support.page.chat import ChatPage
from tests.support.recordings import JFK, encoded
from tests.support.running_server import RunningServer


def test_what_is_said_comes_into_the_box(server: RunningServer, chromium: Browser, tmp_path: Path) -> None:
    recording = tmp_path / "jfk.wav"
    recording.write_bytes(encoded(JFK, "wav", "pcm_s16le", 48_000, "mono"))
    with speaking_browser(chromium, recording) as speaking, opened(speaking, server.url) as (page, _):
        chat = ChatPage(page)
        chat.box.fill("He said:")
        page.get_by_role("button", name="Speak").click()
        expect(page.locator(".composer-told")).to_contain_text("9 s", timeout=TIMEOUT_MS)
        page.get_by_role("button", name="Stop recording").click()
        expect(page.get_by_text("Writing down what you said")).to_be_visible()
        expect(chat.box).to_have_value(re.compile(r"^He said: .*your country.*", re.IGNORECASE), timeout=TIMEOUT_MS)


def test_without_a_secure_origin_the_microphone_says_why_it_is_off(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.reload()
    microphone = page.get_by_role("button", name="Speak")
    expect(microphone).to_have_attribute("aria-disabled", "true")
    microphone.click(force=True)
    expect(page.get_by_text("The microphone needs HTTPS")).to_be_visible()
