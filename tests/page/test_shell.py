"""The frame of the page: its views, the key, light and dark, a server that is away."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.support.page.browser import Open
from tests.support.running_server import RunningServer, running


def test_the_page_shows_the_views_that_the_server_has_models_for(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    for name in ("Pictures", "Speech", "Status", "Chat"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(f"#/{name.lower()}"))


def test_a_wrong_key_is_told_and_the_right_one_is_kept(locked: RunningServer, visit: Open) -> None:
    page, faults = visit(locked.url)
    faults.expect("401")
    dialog = page.get_by_role("dialog", name="API key")
    dialog.get_by_label("Key", exact=True).fill("wrong")
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog.get_by_role("alert")).to_have_text("The server does not know this key.")
    dialog.get_by_label("Key", exact=True).fill("secret")
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Forget the API key")).to_be_visible()
    expect(dialog).to_be_hidden()


def test_who_closes_the_question_for_a_key_is_left_alone_until_they_ask(locked: RunningServer, visit: Open) -> None:
    page, faults = visit(locked.url)
    faults.expect("401")
    dialog = page.get_by_role("dialog", name="API key")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    with page.expect_response(lambda answer: answer.url.endswith("/v1/server") and answer.status == 401):
        pass
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Enter a key").click()
    expect(dialog).to_be_visible()


def test_a_server_that_is_away_is_told_until_it_is_back(visit: Open) -> None:
    with running("echo") as server:
        page, faults = visit(server.url)
        faults.expect("ERR_INTERNET_DISCONNECTED")
        page.context.set_offline(True)
        banner = page.get_by_text("The server cannot be reached")
        expect(banner).to_be_visible()
        page.context.set_offline(False)
        expect(banner).to_be_hidden()


def test_colours_are_the_systems_until_they_are_chosen(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url, dark=True)
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Colours: as the system").click()
    page.get_by_role("button", name="Colours: light").wait_for()
    expect(page.locator("body")).not_to_have_css("background-color", dark)
    page.reload()
    expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
