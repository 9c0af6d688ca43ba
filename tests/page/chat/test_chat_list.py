"""The list of chats: found, renamed, deleted, saved to a file and read from it, the same in all tabs."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.support.page.browser import Open
from tests.support.page.chat import ChatPage, words
from tests.support.running_server import RunningServer, wait_until


def test_chats_are_found_renamed_and_deleted(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    for text in ("Potatoes and eggs", "A note to the neighbours"):
        page.get_by_role("link", name="New chat").click()
        chat.ask(text)
        chat.wait_ended()
    chat.menu("Potatoes and eggs", "Rename")
    page.get_by_label("Title").fill("Dinner")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("searchbox").fill("POTATOES")
    rows = chat.chats.get_by_role("listitem")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Dinner")
    expect(rows).to_contain_text("Potatoes and eggs")
    page.get_by_role("searchbox").fill("")
    chat.menu("A note to the neighbours", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(rows).to_have_count(1)
    expect(page.get_by_role("heading", name="What can I help with?")).to_be_visible()
    page.reload()
    expect(rows).to_have_count(1)


def test_chats_are_saved_to_a_file_and_read_from_it(echo: RunningServer, visit: Open, tmp_path: Path) -> None:
    page, _ = visit(echo.url, downloads=tmp_path)
    chat = ChatPage(page)
    chat.ask("one two")
    chat.wait_ended()
    said = chat.said()
    page.get_by_role("button", name="Save or load chats").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Save all chats").click()
    download.value.save_as(tmp_path / "chats.json")
    assert [found["title"] for found in json.loads((tmp_path / "chats.json").read_text())["chats"]] == ["one two"]

    other_page, _ = visit(echo.url)
    other = ChatPage(other_page)
    expect(other.chats).to_contain_text("Your chats are listed here")
    (tmp_path / "bad.json").write_text('{"format": "nexa-chats", "version": 1, "chats": [{"title": 1}]}')
    files = other_page.locator(".chat-files input[type=file]")
    files.set_input_files(tmp_path / "bad.json")
    expect(other_page.get_by_text("The file was not loaded. chats.0.messages: expected a list")).to_be_visible()
    files.set_input_files(tmp_path / "chats.json")
    expect(other.text).to_be_visible()
    assert other.said() == said


def test_two_tabs_show_the_same_chats(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(longest_answer="2000")
    chat.ask(words(2000))
    expect(chat.text).to_contain_text("w5")
    second_page = page.context.new_page()
    second_page.goto(page.url)
    second = ChatPage(second_page)
    expect(second.text).to_contain_text("w30")  # as the first tab receives it
    expect(chat.text).to_contain_text("w40")
    second.menu("w1 w2 w3", "Delete")
    second_page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="What can I help with?")).to_be_visible()
    expect(chat.chats).to_contain_text("Your chats are listed here")
    wait_until(echo.idle, "the answer of the deleted chat is stopped")
