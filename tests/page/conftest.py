"""A browser and servers that the tests of the page share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.page.browser import Faults, Open, browser, opened
from tests.support.running_server import RunningServer, running
from tests.support.tiny_sd import tiny_sd


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser."""
    with browser() as launched:
        yield launched


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a text, a speech and an image model (random weights, called ``painter``)."""
    models = ["smollm2", "faster-whisper-tiny", str(tiny_sd())]
    folders = ["--output-folder", str(tmp_path_factory.mktemp("images"))]
    with running(*models, *folders, "--alias", f"{tiny_sd().stem}=painter") as ready:
        yield ready


@pytest.fixture(scope="session")
def echo() -> Iterator[RunningServer]:
    """A server whose model says the prompt's words again, 20 a second."""
    with running("echo:0.05") as ready:
        yield ready


@pytest.fixture(scope="session")
def locked() -> Iterator[RunningServer]:
    """A server that needs a key."""
    server = RunningServer("echo", "--api-key", "secret")
    server.client.headers["Authorization"] = "Bearer secret"
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Open]:
    """``visit(url)``: the page of a new user, and its faults. Faults are checked when the test ends."""
    with ExitStack() as stack:

        def visit_as_new_user(url: str, **options: Any) -> tuple[Page, Faults]:
            return stack.enter_context(opened(chromium, url, **options))

        yield visit_as_new_user


@pytest.fixture
def pictures(server: RunningServer, visit: Open, tmp_path: Path) -> Page:
    """The pictures view of a new user."""
    page, _ = visit(server.url, downloads=tmp_path)
    page.goto("/#/pictures")
    page.get_by_role("heading", name="New picture").wait_for()
    return page
