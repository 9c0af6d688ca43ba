"""Chats in browsers that cannot keep them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.support.page.browser import Open
from tests.support.page.chat import ChatPage
from tests.support.running_server import RunningServer, running


@pytest.fixture(scope="module")
def echo() -> Iterator[RunningServer]:
    """A server whose model says the prompt's words again, 10 a second."""
    with running("echo:0.1") as ready:
        yield ready


def test_an_answer_that_cannot_be_kept_is_shown(echo: RunningServer, visit: Open) -> None:
    page, faults = visit(echo.url)
    faults.expect("a chat could not be kept")
    chat = ChatPage(page)
    chat.ask("one two")
    page.evaluate(
        """() => {
             const full = new DOMException('The disk is full.', 'QuotaExceededError');
             IDBObjectStore.prototype.put = () => { throw full; };
           }"""
    )
    expect(page.get_by_role("status").filter(has_text="The disk is full.")).to_be_visible()
    chat.wait_ended()
    page.wait_for_timeout(6000)  # the page looks for answers that nobody receives
    assert chat.said().startswith("one two one two")
    expect(chat.answers.last).to_have_attribute("aria-busy", "false")


@pytest.mark.parametrize("forbidden", ["open", "all"])
def test_a_browser_that_keeps_nothing_has_chats_until_it_is_closed(
    echo: RunningServer, visit: Open, forbidden: str
) -> None:
    page, _ = visit(echo.url)
    refusal = "throw new DOMException('Storage is forbidden.', 'SecurityError')"
    script = {
        "open": f"IDBFactory.prototype.open = () => {{ {refusal}; }}",
        "all": f"Object.defineProperty(window, 'indexedDB', {{ get() {{ {refusal}; }} }})",
    }
    page.add_init_script(script[forbidden])
    page.goto("/#/chat/none")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("does not keep chats for this page: Storage is forbidden.")
    chat = ChatPage(page)
    for count, text in enumerate(("one two", "three four"), 1):
        chat.ask(text)
        expect(chat.answers).to_have_count(count)
        chat.wait_ended()
        assert chat.said().startswith("one two one two")
    chat.menu("one two", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(chat.questions).to_have_count(0)
