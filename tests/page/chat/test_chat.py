"""The chat view: asking, stopping, asking otherwise, settings, files, what one sees meanwhile."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.support.page.browser import Open
from tests.support.page.chat import ChatPage, body_of, words
from tests.support.running_server import RunningServer, wait_until


def test_an_answer_is_streamed_and_stays_in_the_browser(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    chat = ChatPage(page)
    chat.set(longest_answer="24", temperature="0")
    body = chat.ask("Tell me a story")
    assert body["model"] == "smollm2"
    chat.wait_ended()
    expect(chat.facts).to_contain_text(re.compile(r"smollm2 · 24 tokens · [\d.]+ tokens/s"))
    said = chat.said()
    assert len(said.split()) > 5
    page.reload()
    expect(chat.text).to_be_visible()
    assert chat.said() == said
    expect(chat.chats.get_by_role("link", name="Tell me a story")).to_be_visible()


def test_what_is_set_is_sent_and_so_are_earlier_messages(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(system_prompt="Be brief.", temperature="0.5", top_p="0.9", longest_answer="2", seed="7")
    first = chat.ask("one two")
    assert {name: first[name] for name in ("temperature", "top_p", "max_tokens", "seed", "stream")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 2,
        "seed": 7,
        "stream": True,
    }
    chat.wait_ended()
    second = chat.ask("three")
    assert [(message["role"], message["content"].strip()) for message in second["messages"]] == [
        ("system", "Be brief."),
        ("user", "one two"),
        ("assistant", "Be brief."),
        ("user", "three"),
    ]


def test_settings_are_a_chats_own_unless_they_are_for_new_ones_too(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(seed="1")
    chat.ask("one")
    chat.wait_ended()
    page.get_by_role("button", name="Settings of").click()
    page.get_by_label("Longest answer").fill("3")
    page.get_by_label("Use these for new chats too").check()
    page.get_by_role("button", name="Use", exact=True).click()
    page.get_by_role("link", name="New chat").click()
    body = chat.ask("two")
    assert (body["max_tokens"], body["seed"]) == (3, 1)
    page.reload()
    page.get_by_role("link", name="New chat").click()
    assert chat.ask("three")["max_tokens"] == 3


@pytest.mark.parametrize("way", ["button", "escape"])
def test_an_answer_is_stopped_on_the_server_too(echo: RunningServer, visit: Open, way: str) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(longest_answer="2000")
    chat.ask(words(2000))
    expect(chat.text).to_contain_text("w5")
    if way == "button":
        page.get_by_role("button", name="Stop the answer").click()
        expect(chat.box).to_be_focused()
    else:
        page.keyboard.press("Escape")
    expect(chat.answers.last).to_contain_text("Stopped.")
    wait_until(echo.idle, "the job is cancelled")
    said = chat.said()
    assert words(2000).startswith(said)
    page.reload()
    expect(chat.answers.last).to_contain_text("Stopped.")
    assert chat.said() == said


def test_an_answer_that_was_cut_goes_on(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(longest_answer="2")
    chat.ask("one two three")
    expect(chat.answers.last).to_contain_text("Cut off")
    with page.expect_request("**/v1/chat/completions") as sent:
        chat.button("Continue").click()
    assert body_of(sent.value)["continue_final_message"] is True
    assert body_of(sent.value)["messages"][-1] == {"role": "assistant", "content": "one two "}
    expect(chat.facts).to_contain_text("4 tokens")
    assert chat.said() == "one two one two"  # the echo model begins again
    expect(chat.answers).to_have_count(1)


def test_edited_questions_and_further_answers_are_branches(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(longest_answer="1")
    chat.ask("first")
    chat.wait_ended()
    question = chat.questions.first
    question.hover()
    question.get_by_role("button", name="Edit").click()
    box = question.get_by_role("textbox", name="Your message")
    expect(box).to_be_focused()
    box.fill("second")
    box.press("Enter")
    expect(chat.text).to_have_text("second")
    expect(question.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    question.get_by_role("button", name="Earlier version").click()
    expect(chat.text).to_have_text("first")
    chat.button("Answer again").click()
    expect(chat.answers.last.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    chat.wait_ended()
    page.reload()
    expect(chat.answers.last.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    question.get_by_role("button", name="Later version").click()
    expect(chat.text).to_have_text("second")


def test_a_file_goes_along_as_text(echo: RunningServer, visit: Open, tmp_path: Path) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    (tmp_path / "list.py").write_text("eggs = 4\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    page.locator(".composer input[type=file]").set_input_files([tmp_path / "list.py", tmp_path / "picture.png"])
    expect(page.get_by_text("picture.png: this model does not take pictures.")).to_be_visible()
    expect(page.get_by_role("list", name="Added files").get_by_role("listitem")).to_have_text(["list.py9 B"])
    body = chat.ask("How many eggs?")
    assert body["messages"] == [{"role": "user", "content": "list.py:\n```py\neggs = 4\n```\n\nHow many eggs?"}]
    expect(chat.questions.first).to_contain_text("list.py")
    expect(page.get_by_role("list", name="Added files")).to_be_hidden()


def test_keys_send_break_lines_and_open_a_new_chat(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    expect(chat.box).to_be_focused()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    with page.expect_request("**/v1/chat/completions") as sent:
        page.keyboard.press("Enter")
    assert body_of(sent.value)["messages"][0]["content"] == "one\ntwo"
    chat.wait_ended()
    expect(chat.box).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page.get_by_role("heading", name="What can I help with?")).to_be_visible()
    expect(chat.box).to_be_focused()


def test_on_a_phone_the_chats_are_in_a_drawer_and_enter_breaks_the_line(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url, phone=True)
    chat = ChatPage(page)
    chat.box.fill("one")
    chat.box.press("Enter")
    expect(chat.box).to_have_value("one\n")
    page.get_by_role("button", name="Send").tap()
    chat.wait_ended()
    expect(chat.chats).to_be_hidden()
    page.get_by_role("button", name="Show the chats").tap()
    chat.chats.get_by_role("link", name="New chat").tap()
    expect(chat.chats).to_be_hidden()
    expect(page.get_by_role("heading", name="What can I help with?")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="New chat").tap()
    expect(page.get_by_role("heading", name="What can I help with?")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == 390


def test_the_view_follows_an_answer_unless_one_scrolls_up(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.set(longest_answer="3000")
    chat.ask("\n".join(f"line{number}" for number in range(120)))
    expect(chat.text).to_contain_text("line40")
    box = page.locator(".talk-scroll")
    from_end = "box => box.scrollHeight - box.scrollTop - box.clientHeight"
    wait_until(lambda: box.evaluate(from_end) < 50, "the end is shown")
    box.hover()
    page.mouse.wheel(0, -600)
    to_end = page.get_by_role("button", name="To the end")
    expect(to_end).to_be_visible()
    at = box.evaluate("box => box.scrollTop")
    expect(chat.text).to_contain_text("line90")
    assert box.evaluate("box => box.scrollTop") == at
    to_end.click()
    wait_until(lambda: box.evaluate(from_end) < 50, "the end is shown")
    expect(to_end).to_be_hidden()
    page.keyboard.press("Escape")


def test_screen_readers_hear_an_answer_once_it_is_whole(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    chat = ChatPage(page)
    chat.ask("one two")
    chat.wait_ended()
    expect(page.get_by_role("status").filter(has_text="echo has answered: one two one")).to_be_attached()


def test_calls_are_shown_and_their_results_sent(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    chat = ChatPage(page)

    def demand_a_call(route: Route) -> None:
        body = body_of(route.request)
        if body["messages"][-1]["role"] == "user":
            body["tool_choice"] = "required"
        route.continue_(post_data=json.dumps(body))

    page.route("**/v1/chat/completions", demand_a_call)
    function = {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"enum": ["Paris"]}}, "required": ["city"]},
    }
    page.get_by_role("button", name="Settings of").click()
    page.get_by_text("Functions", exact=True).click()
    page.get_by_role("textbox", name="Functions").fill(json.dumps([function]))
    page.get_by_label("Longest answer").fill("80")
    page.get_by_role("button", name="Use", exact=True).click()
    chat.ask("How is the weather in Paris?")
    call = chat.answers.first.locator(".call").first
    expect(call).to_contain_text("Calls weather")
    expect(call).to_contain_text('"city": "Paris"')
    results = chat.answers.first.get_by_role("textbox", name="Result of weather")
    expect(results.first).to_be_visible()
    count = results.count()
    for _ in range(count):
        results.first.fill("sunny")
        chat.answers.first.get_by_role("button", name="Keep the result").first.click()
    with page.expect_request("**/v1/chat/completions") as sent:
        chat.answers.first.get_by_role("button", name="Send the results").click()
    messages = body_of(sent.value)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", *["tool"] * count]
    assert messages[2]["content"] == "sunny"
    assert messages[2]["tool_call_id"] == messages[1]["tool_calls"][0]["id"]
    expect(chat.answers).to_have_count(2)
