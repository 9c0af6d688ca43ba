"""Hostile texts in every place that a model, a user, a file or a server can fill: nothing runs, loads or hides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from router.api.page.family import POLICY
from router.web.built import built_files
from tests.support.page.browser import Open
from tests.support.page.chat import ChatPage
from tests.support.page.hostile import expect_harmless, exported_chat, hostile_texts
from tests.support.running_server import RunningServer, running

NAME = "<img src=x onerror=window.nexaWasHere=true>\u202egnp.exe"


@pytest.fixture(scope="module")
def echo() -> Iterator[RunningServer]:
    """A server whose model says the prompt's words again."""
    with running("echo") as ready:
        yield ready


def read_chats(page: Page, file: Path) -> None:
    """Have the page read chats from a file."""
    page.get_by_role("button", name="Save or load chats").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Load chats from a file").click()
    chooser.value.set_files(file)


@pytest.mark.parametrize("kind", hostile_texts())
def test_of_a_file_with_chats(echo: RunningServer, visit: Open, tmp_path: Path, kind: str) -> None:
    page, _ = visit(echo.url)
    texts = hostile_texts()[kind]
    (tmp_path / "chats.json").write_text(json.dumps(exported_chat(f"{kind} {NAME}", texts, NAME)))
    read_chats(page, tmp_path / "chats.json")
    page.get_by_role("navigation", name="Chats").get_by_role("link", name=kind).click()
    chat = ChatPage(page)
    expect(chat.answers).to_have_count(len(texts))
    for thought in page.locator("main details").all():
        thought.evaluate("details => details.open = true")
    page.get_by_role("button", name="Settings of").click()
    expect(page.get_by_role("dialog", name="Settings of")).to_be_visible()
    expect_harmless(page)


@pytest.mark.parametrize("kind", hostile_texts())
def test_of_an_answer_that_is_streamed(echo: RunningServer, visit: Open, kind: str) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    text = "\n\n".join(hostile_texts()[kind])
    chat.set(longest_answer=str(len(text.split())))
    chat.ask(text)
    chat.wait_ended()
    expect_harmless(page)
    page.get_by_role("link", name="New chat").click()
    chat.ask("the page still works")
    chat.wait_ended()
    expect(chat.text).to_contain_text("the page still works")


def test_of_an_answer_is_readable(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(longest_answer="3")
    chat.ask("<b>x</b> [a](javascript:1) ![b](https://evil.example/?c)")
    chat.wait_ended()
    expect(chat.text).to_contain_text("<b>x</b> [a](javascript:1) Picture: b (evil.example)")


def test_of_an_error_of_the_server(echo: RunningServer, visit: Open) -> None:
    page, faults = visit(echo.url)
    faults.expect("status of 400")
    texts = hostile_texts()
    message = " ".join(texts["scripts"] + texts["links"])

    def refuse(route: Route) -> None:
        route.fulfill(status=400, json={"error": {"message": message, "type": NAME, "code": NAME, "param": NAME}})

    page.route("**/v1/chat/completions", refuse)
    chat = ChatPage(page)
    chat.ask("hello")
    expect(chat.answers.last).to_contain_text("<script>window.nexaWasHere = true</script>")
    page.route("**/v1/server", refuse)
    expect(page.locator(".banner")).to_contain_text("<script>")
    expect_harmless(page)


def test_of_what_the_server_says_of_itself(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)

    def named(route: Route) -> None:
        state = route.fetch().json()
        state["models"][0] |= {"id": NAME, "aliases": [NAME], "detail": NAME, "state": NAME}
        state["queues"] = [{"user": NAME, "model": NAME, "running": 1, "waiting": 2}]
        state["version"] = NAME
        route.fulfill(json=state)

    page.route("**/v1/server", named)
    page.reload()
    for view in ("Chat", "Status"):
        page.get_by_role("link", name=view, exact=True).click()
        expect(page.get_by_text("<img src=x").first).to_be_attached()
        expect_harmless(page)


def test_of_a_files_name(echo: RunningServer, visit: Open, tmp_path: Path) -> None:
    page, _ = visit(echo.url)
    file = tmp_path / "<img src=x onerror=window.nexaWasHere=true>.txt"
    file.write_text("<script>window.nexaWasHere = true</script>")
    page.locator(".composer input[type=file]").set_input_files(file)
    expect(page.get_by_role("list", name="Added files")).to_contain_text("<img src=x")
    ChatPage(page).ask("what is this?")
    expect_harmless(page)


def test_of_an_address(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    for hash_ in (
        "#/chat/<img src=x onerror=window.nexaWasHere=true>",
        "#/chat/%E0%A4%A",
        "#/__proto__",
        "#javascript:1",
    ):
        page.goto(f"/{hash_}")
        expect(page.get_by_role("navigation", name="Views")).to_be_visible()
        expect_harmless(page)


def test_html_is_never_made_of_a_string(echo: RunningServer, visit: Open) -> None:
    page, faults = visit(echo.url)
    faults.expect("Trusted")
    refused = page.evaluate(
        """() => {
          const ways = [
            () => (document.body.innerHTML = "<b>"),
            () => document.body.insertAdjacentHTML("beforeend", "<b>"),
            () => document.write("<b>"),
            () => new DOMParser().parseFromString("<b>", "text/html"),
            () => trustedTypes.createPolicy("nexa", { createHTML: (text) => text }),
          ];
          return ways.map((way) => { try { way(); return null; } catch (error) { return error.name; } });
        }"""
    )
    assert refused == ["TypeError"] * 5


def test_a_link_opens_apart_from_the_page(echo: RunningServer, visit: Open) -> None:
    page, faults = visit(echo.url)
    faults.expect("status")
    faults.expect("chrome-error")
    chat = ChatPage(page)
    chat.set(longest_answer="1")
    address = echo.url.replace("127.0.0.1", "localhost")
    chat.ask(f"[status]({address}/health)")
    chat.wait_ended()
    faults.expect(address)
    with page.context.expect_page() as opened:
        chat.text.get_by_role("link", name="status").click()
    opened.value.wait_for_load_state()
    assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
    expect(page).to_have_url(re.compile("#/chat/"))


def test_all_files_have_the_policy(echo: RunningServer) -> None:
    for path in ["", *(path for path in built_files() if path != "index.html")]:
        answer = echo.client.get(f"/{path}")
        assert answer.status_code == 200
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_without_the_page_its_files_are_gone_too() -> None:
    with running("echo", "--no-page") as server:
        for path in ["", *built_files()]:
            assert server.client.get(f"/{path}").status_code == 404
        assert server.client.get("/v1/models").status_code == 200
