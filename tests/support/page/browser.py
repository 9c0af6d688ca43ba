"""The server's page in a real browser."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
Open = Callable[..., tuple[Page, "Faults"]]
TIMEOUT_MS = 60_000
"""How long elements are waited for: machines may be slow."""


_ARGUMENTS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Nothing but this machine can be reached from it; its microphone plays a tone."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright, _launched(playwright.chromium) as running:
        yield running


@contextlib.contextmanager
def speaking_browser(beside: Browser, recording: Path) -> Iterator[Browser]:
    """Another browser, whose microphone plays a WAV file again and again."""
    with _launched(beside.browser_type, f"--use-file-for-fake-audio-capture={recording}") as running:
        yield running


@contextlib.contextmanager
def _launched(kind: BrowserType, *arguments: str) -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is missing: apt-get install chromium, or make test-page as root"
    running = kind.launch(executable_path=chromium, args=[*_ARGUMENTS, *arguments])
    try:
        yield running
    finally:
        running.close()


class Faults:
    """What must not happen in a page: errors, words on the console, requests to other hosts."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self._url = url
        self.seen: list[str] = []
        self.expected: list[str] = []
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.seen.append(f"error: {error.error}"))
        context.on("request", self._on_request)

    def expect(self, part: str) -> None:
        """Faults with this part are meant to happen, such as the browser's line about a 401."""
        self.expected.append(part)

    def check(self) -> None:
        """Fail if something has happened that must not."""
        faults = [fault for fault in self.seen if not any(part in fault for part in self.expected)]
        assert faults == []

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.seen.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self._url, "blob:", "data:")):
            self.seen.append(f"request: {request.url}")


@contextlib.contextmanager
def opened(
    running: Browser, url: str, *, phone: bool = False, dark: bool = False, downloads: Path | None = None
) -> Iterator[tuple[Page, Faults]]:
    """A page of a new user (nothing stored yet) at ``url``, and its faults, which are checked at the end."""
    context = running.new_context(
        base_url=url,
        viewport=PHONE if phone else DESKTOP,
        has_touch=phone,
        is_mobile=phone,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        permissions=["microphone", "clipboard-read", "clipboard-write"],
        accept_downloads=downloads is not None,
    )
    context.set_default_timeout(TIMEOUT_MS)
    faults = Faults(context, url)
    try:
        page = context.new_page()
        page.goto("/")
        yield page, faults
        faults.check()
    finally:
        context.close()
