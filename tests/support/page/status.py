"""The status view in a browser, and servers with keys for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from router.keys.store import KeyStore
from tests.support.running_server import RunningServer


@contextmanager
def with_keys(folder: Path) -> Iterator[tuple[RunningServer, str, str]]:
    """A server, an operator's key and a user's."""
    file = folder / "keys.sqlite3"
    store = KeyStore.open(file)
    boss, anna = store.create("boss", admin=True), store.create("anna")
    store.close()
    server = RunningServer("echo", "--key-file", str(file))
    server.client.headers["Authorization"] = f"Bearer {boss}"
    try:
        server.wait_ready()
        yield server, boss, anna
    finally:
        server.stop()


def show(page: Page, key: str = "") -> None:
    """Open the view, with a key if the page asks for one."""
    page.goto("/#/status")
    if key:
        dialog = page.get_by_role("dialog", name="API key")
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_role("button", name="Use this key").click()
    page.get_by_role("heading", name="Workers").wait_for()
