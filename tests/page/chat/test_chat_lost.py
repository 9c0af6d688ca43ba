"""Answers that go on: after a reload, a lost connection, a killed worker, a killed router."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.support.clients.cutting_proxy import cutting_proxy
from tests.support.page.browser import Faults, Open
from tests.support.page.chat import ChatPage, words
from tests.support.running_server import RunningServer, running, wait_until

WHOLE = words(80)
LOST = ("ERR_", "Failed to load resource", "the server cannot be reached")
"""What a browser says about connections that are cut."""


@pytest.fixture
def slow() -> Iterator[RunningServer]:
    """A server whose model says the prompt's words again, 10 a second."""
    with running("echo:0.1") as ready:
        yield ready


def _half_of_an_answer(url: str, visit: Open) -> tuple[ChatPage, Faults]:
    """A chat whose answer has begun, and is to have all words of ``WHOLE``."""
    page, faults = visit(url)
    for part in LOST:
        faults.expect(part)
    chat = ChatPage(page)
    chat.set(longest_answer="80")
    chat.ask(WHOLE)
    expect(chat.text).to_contain_text("w9")
    return chat, faults


def test_a_page_that_is_loaded_again_goes_on_with_the_answer(slow: RunningServer, visit: Open) -> None:
    chat, _ = _half_of_an_answer(slow.url, visit)
    chat.page.reload()
    expect(chat.text).to_contain_text("w9")
    expect(chat.text).not_to_contain_text("w80")
    chat.wait_ended()
    assert chat.said() == WHOLE
    expect(chat.facts).to_contain_text("80 tokens")
    expect(chat.facts).not_to_contain_text("tokens/s")  # nobody knows when the tokens came in the meantime


def test_an_answer_goes_on_whichever_view_is_shown(slow: RunningServer, visit: Open) -> None:
    chat, _ = _half_of_an_answer(slow.url, visit)
    address = chat.page.url
    chat.page.get_by_role("link", name="Status").click()
    with chat.page.expect_request("**/v1/jobs/*/events"):
        chat.page.reload()
    chat.page.goto(address)
    chat.wait_ended()
    assert chat.said() == WHOLE


def test_an_answer_that_ended_while_the_page_was_away_is_fetched(slow: RunningServer, visit: Open) -> None:
    chat, _ = _half_of_an_answer(slow.url, visit)
    address = chat.page.url
    chat.page.goto("about:blank")
    wait_until(slow.idle, "the answer has ended")
    chat.page.goto(address)
    chat.wait_ended()
    assert chat.said() == WHOLE


def test_an_answer_that_is_no_longer_kept_is_said_to_be_interrupted(visit: Open) -> None:
    with running("echo:0.1", "--resume-timeout-s", "0.2") as server:
        chat, faults = _half_of_an_answer(server.url, visit)
        faults.expect("404")
        address = chat.page.url
        chat.page.goto("about:blank")
        wait_until(lambda: server.client.get("/v1/jobs").json()["data"] == [], "the stream is forgotten")
        chat.page.goto(address)
        notice = chat.answers.last.get_by_role("alert")
        expect(notice).to_contain_text("Interrupted: the rest of this answer is lost.")
        assert WHOLE.startswith(chat.said())
        notice.get_by_role("button", name="Try again").click()
        expect(notice).to_be_hidden()
        chat.wait_ended()
        expect(chat.answers.last.get_by_role("group", name="Version 2 of 2")).to_be_visible()
        assert chat.said() == WHOLE


@pytest.mark.parametrize("process", ["worker", "router"])
def test_an_answer_goes_on_when_a_process_is_killed(slow: RunningServer, visit: Open, process: str) -> None:
    chat, _ = _half_of_an_answer(slow.url, visit)
    pid = slow.worker_pids()[0] if process == "worker" else slow.router_pid()
    os.kill(pid, signal.SIGKILL)
    chat.wait_ended()
    assert chat.said() == WHOLE


def test_an_answer_goes_on_when_the_connection_is_back(slow: RunningServer, visit: Open) -> None:
    with cutting_proxy(slow.url) as proxy:
        chat, _ = _half_of_an_answer(proxy.url, visit)
        chat.page.context.set_offline(True)
        proxy.cut()
        expect(chat.answers.last).to_contain_text("The connection is lost.")
        chat.page.context.set_offline(False)
        chat.wait_ended()
        assert chat.said() == WHOLE


def test_a_message_that_is_sent_without_a_connection_goes_out_later(slow: RunningServer, visit: Open) -> None:
    page, faults = visit(slow.url)
    for part in LOST:
        faults.expect(part)
    chat = ChatPage(page)
    expect(page.get_by_role("combobox", name="Model")).to_be_visible()
    page.context.set_offline(True)
    chat.ask("one two")
    expect(chat.answers.last).to_contain_text("The message is sent when it can.")
    page.context.set_offline(False)
    chat.wait_ended()
    assert chat.said().startswith("one two one two")


def test_several_chats_are_answered_at_once(slow: RunningServer, visit: Open) -> None:
    chat, _ = _half_of_an_answer(slow.url, visit)
    chat.page.get_by_role("link", name="New chat").click()
    chat.set(longest_answer="3")
    chat.ask("other")
    chat.wait_ended()
    assert chat.said() == "other other other"
    first = chat.chats.get_by_role("link", name="w1 w2")
    expect(first.get_by_role("img", name="An answer is coming")).to_be_visible()
    first.click()
    chat.wait_ended()
    assert chat.said() == WHOLE


def test_two_clicks_at_once_are_one(slow: RunningServer, visit: Open) -> None:
    page, _ = visit(slow.url)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/completions") else None)
    chat = ChatPage(page)
    chat.box.fill("one two")
    page.locator("form.composer").evaluate("form => { form.requestSubmit(); form.requestSubmit(); }")
    chat.wait_ended()
    expect(chat.chats.get_by_role("listitem")).to_have_count(1)
    chat.button("Answer again").evaluate("button => { button.click(); button.click(); }")
    expect(chat.answers.last.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    chat.wait_ended()
    assert len(sent) == 2


def test_streams_leave_a_connection_for_all_else(slow: RunningServer, visit: Open) -> None:
    page, _ = visit(slow.url)
    chat = ChatPage(page)
    for number in range(7):  # browsers open six connections to a server
        page.get_by_role("link", name="New chat").click()
        chat.set(longest_answer="400")
        chat.box.fill(f"chat {number}")
        chat.box.press("Enter")
        expect(chat.questions).to_have_count(1)
    expect(chat.answers.last).to_contain_text("Waiting for other answers")
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_role("navigation", name="Chats")).to_contain_text("chat 6")
    other.get_by_role("link", name="Status").click()
    expect(other.get_by_role("heading", name="Workers")).to_be_visible()
    page.get_by_role("button", name="Stop the answer").click()
    expect(chat.answers.last).to_contain_text("Stopped.")
    chat.chats.get_by_role("link", name="chat 0").click()
    page.get_by_role("button", name="Stop the answer").click()
    expect(chat.answers.last).to_contain_text("Stopped.")
    chat.chats.get_by_role("link", name="chat 5").click()
    expect(chat.text).to_contain_text("chat 5")


def test_a_place_in_the_queue_is_shown(visit: Open) -> None:
    with running("echo:0.1", "--slots", "1") as server:
        chat, _ = _half_of_an_answer(server.url, visit)
        chat.page.get_by_role("link", name="New chat").click()
        chat.ask("waits")
        expect(chat.answers.last).to_contain_text("Next in the queue")
        chat.wait_ended()
