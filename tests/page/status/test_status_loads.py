"""Models that are loaded on demand in the status view and in chats."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.support.page.browser import Open
from tests.support.page.chat import ChatPage
from tests.support.page.status import show
from tests.support.running_server import RunningServer, running


@pytest.fixture(scope="module")
def mixed() -> Iterator[RunningServer]:
    """A server with a model that is always loaded, and one that is loaded on demand."""
    with running("echo", "echo:0.01@load=demand") as server:
        yield server


def test_the_operator_loads_and_unloads_a_model(mixed: RunningServer, visit: Open) -> None:
    page, _ = visit(mixed.url)
    show(page)
    row = page.get_by_role("region", name="Models", exact=True).get_by_role("row").filter(has_text="echo-2")
    expect(row).to_contain_text("Loads when asked")
    row.get_by_role("button", name="Load echo-2", exact=True).click()
    expect(row).to_contain_text("Ready")
    row.get_by_role("button", name="Unload echo-2", exact=True).click()
    question = page.get_by_role("dialog", name="Unload echo-2?")
    question.get_by_role("button", name="Unload", exact=True).click()
    expect(row).to_contain_text("Loads when asked")


def test_a_model_that_is_always_loaded_is_not_offered_for_unloading(mixed: RunningServer, visit: Open) -> None:
    page, _ = visit(mixed.url)
    show(page)
    models = page.get_by_role("region", name="Models", exact=True)
    expect(models.get_by_role("button", name="Load echo-2", exact=True)).to_be_visible()
    expect(models.get_by_role("row").filter(has_text="Ready")).to_have_count(1)
    expect(models.get_by_role("button", name="Unload echo", exact=True)).to_be_hidden()


def test_a_chat_with_a_model_that_is_not_loaded_loads_it(mixed: RunningServer, visit: Open) -> None:
    page, _ = visit(mixed.url)
    page.goto("/#/chat")
    models = page.get_by_label("Model", exact=True)
    expect(models.locator("option").filter(has_text="echo-2 (loads when asked)")).to_be_attached()
    models.select_option("echo-2")
    chat = ChatPage(page)
    chat.ask("Good morning")
    chat.wait_ended()
    expect(chat.text).to_contain_text("Good morning")
    expect(models.locator("option").filter(has_text="echo-2")).to_have_text("echo-2")
