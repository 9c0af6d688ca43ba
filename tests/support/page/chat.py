"""The chat view in a browser, as a person uses it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, Request, expect

from tests.support.page.browser import TIMEOUT_MS


def words(count: int) -> str:
    """Words that are all different: the echo model says them again, one a step."""
    return " ".join(f"w{number}" for number in range(1, count + 1))


def body_of(request: Request) -> dict[str, Any]:
    """The JSON that a request sends."""
    body = request.post_data_json
    assert isinstance(body, dict)
    return body


class ChatPage:
    """The chat view of a page that is open."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.get_by_role("textbox", name="Message", exact=True)
        self.questions = page.locator(".question")
        self.answers = page.locator(".answer")
        self.text = self.answers.last.locator(".answer-text")
        self.facts = self.answers.last.locator(".facts")
        self.chats = page.get_by_role("navigation", name="Chats")

    def ask(self, text: str) -> dict[str, Any]:
        """Send a message; returns the request's body."""
        self.box.fill(text)
        with self.page.expect_request("**/v1/chat/completions") as sent:
            self.box.press("Enter")
        return body_of(sent.value)

    def wait_ended(self) -> None:
        """Wait until the last answer is there."""
        expect(self.facts).to_be_visible(timeout=TIMEOUT_MS)

    def said(self) -> str:
        """The last answer's text, with single spaces."""
        return " ".join(self.text.inner_text().split())

    def button(self, name: str) -> Locator:
        """A button of the last answer."""
        return self.answers.last.get_by_role("button", name=name, exact=True)

    def set(self, **fields: str) -> None:
        """Fill fields of the settings, named by their first words: ``longest_answer="40"``."""
        self.page.get_by_role("button", name="Settings of").click()
        dialog = self.page.get_by_role("dialog", name="Settings of")
        for name, value in fields.items():
            label = name.replace("_", " ").capitalize()
            dialog.get_by_label(label).fill(value)
        dialog.get_by_role("button", name="Use", exact=True).click()
        expect(dialog).to_be_hidden()

    def menu(self, title: str, action: str) -> None:
        """Do something with a chat of the list."""
        self.chats.get_by_role("listitem").filter(has_text=title).hover()
        self.chats.get_by_role("button", name=f"More for {title}").click()
        self.page.get_by_role("menuitem", name=action).click()
