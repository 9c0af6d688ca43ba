"""What the page costs whoever opens it over a slow connection."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from router.web.built import built_files
from tests.support.page.transfer import transferred
from tests.support.running_server import RunningServer

MAX_BYTES = 200_000


@pytest.mark.parametrize("view", ["", "chat", "pictures", "speech", "status", "help"])
def test_a_view_is_there_after_less_than_200_kb(server: RunningServer, chromium: Browser, view: str) -> None:
    def shown(page: Page) -> None:
        expect(page.locator("main h1, main h2").first).to_be_attached()

    sizes = transferred(chromium, f"{server.url}/#/{view}" if view else server.url, shown)
    assert sum(sizes.values()) < MAX_BYTES, sizes
    scripts = [path for path in sizes if path.endswith(".js")]
    assert len(scripts) >= 2, sizes


def test_formulas_and_colours_of_code_come_when_they_are_needed(server: RunningServer, chromium: Browser) -> None:
    def shown(page: Page) -> None:
        expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()

    fetched = transferred(chromium, server.url, shown)
    later = [path for path in built_files() if "highlighter" in path or "mathml" in path]
    assert len(later) == 2
    assert not any(path in address for path in later for address in fetched)
