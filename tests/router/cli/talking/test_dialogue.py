"""Chats line by line with a real server, whose answers are written beforehand."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router.cli.talking.conversation import Conversation, ThoughtStyle
from router.cli.talking.dialogue import HELP, Dialogue
from router.cli.talking.terminal import ScreenOutput
from router.client.connection import ServerClient
from router.client.stream import AnswerStream
from shared.wire.payloads import FinishReason, Tokens
from tests.support.router.client import serving
from tests.support.router.fake_broker import QUEUE_FULL, FakeBroker, words


class Screen(io.StringIO):
    """What is shown, as on a terminal without colours."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker(script=words("Once", " upon"))


@pytest.fixture
def client(broker: FakeBroker) -> Iterator[ServerClient]:
    with serving(broker) as url, ServerClient(url) as client:
        yield client


def typed(*lines: str) -> Callable[[str], str]:
    """Stands for the user, who types these lines and then Ctrl-D."""
    given = iter(lines)

    def read_line(_prompt: str) -> str:
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    return read_line


def talk(
    client: ServerClient,
    *lines: str,
    conversation: Conversation | None = None,
    thoughts: ThoughtStyle = ThoughtStyle.SHOW,
) -> str:
    """What is shown, without notices."""
    screen = Screen()
    output = ScreenOutput(screen, io.StringIO())
    Dialogue(client, conversation or Conversation(), output, thoughts, typed(*lines)).run()
    return screen.getvalue()


def test_an_answer_is_part_of_the_next_question(client: ServerClient) -> None:
    conversation = Conversation("smol", "Be brief.", {"max_tokens": 5})
    assert talk(client, "one", "", "two", conversation=conversation) == "Once upon\nOnce upon\n\n"
    assert conversation.request() == {
        "model": "smol",
        "max_tokens": 5,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "Once upon"},
            {"role": "user", "content": "two"},
            {"role": "assistant", "content": "Once upon"},
        ],
    }


def test_lines_between_quotes_are_one_text(client: ServerClient) -> None:
    conversation = Conversation()
    talk(client, '"""first', "  second", 'third"""', '"""one"""', conversation=conversation)
    asked = [message["content"] for message in conversation.messages if message["role"] == "user"]
    assert asked == ["first\n  second\nthird", "one"]


THOUGHT = [Tokens("", [1], reasoning="They "), Tokens("", [2], reasoning="ask."), Tokens("Hello", [3])]


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        (ThoughtStyle.SHOW, "They ask.\n\nHello\n\n"),
        (ThoughtStyle.FOLD, "[thought for 0 s]\n\nHello\n\n"),
        (ThoughtStyle.HIDE, "Hello\n\n"),
    ],
)
def test_thoughts_are_shown_folded_or_hidden(
    broker: FakeBroker, client: ServerClient, style: ThoughtStyle, shown: str
) -> None:
    script = list(words("x"))
    broker.script = [script[0], *THOUGHT, script[-1]]
    conversation = Conversation()
    assert talk(client, "hi", conversation=conversation, thoughts=style) == shown
    assert conversation.messages[-1] == {"role": "assistant", "content": "Hello"}


def test_an_answer_that_is_cut_off_is_told(broker: FakeBroker, client: ServerClient) -> None:
    broker.script = words("Once", finish=FinishReason.LENGTH)
    screen = Screen()
    Dialogue(client, Conversation(), ScreenOutput(screen, screen), ThoughtStyle.SHOW, typed("one")).run()
    assert "(cut off: --max-tokens or the model's context is used up)" in screen.getvalue()


def test_a_refused_question_is_taken_back(broker: FakeBroker, client: ServerClient) -> None:
    broker.refusal = QUEUE_FULL
    conversation, screen = Conversation(), Screen()
    Dialogue(client, conversation, ScreenOutput(screen, screen), ThoughtStyle.SHOW, typed("one")).run()
    assert f"nexa: {client.url} answered 429: the queue is full\n" in screen.getvalue()
    assert conversation.messages == []


def test_ctrl_c_stops_the_answer_on_the_server_and_keeps_what_came(
    broker: FakeBroker, client: ServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.script = words("Once", " upon")[:-1]  # it has no end

    def interrupted(stream: AnswerStream) -> Iterator[Any]:
        for event in AnswerStream.__iter__(stream):
            yield event
            if '" upon"' in event.data:
                raise KeyboardInterrupt

    class Interrupted(AnswerStream):
        __iter__ = interrupted

    monkeypatch.setattr("router.client.connection.AnswerStream", Interrupted)
    conversation, screen = Conversation(), Screen()
    Dialogue(client, conversation, ScreenOutput(screen, screen), ThoughtStyle.SHOW, typed("one")).run()
    assert screen.getvalue().endswith("Once upon\n(stopped)\n\n")
    assert conversation.messages[-1] == {"role": "assistant", "content": "Once upon"}
    assert len(broker.cancelled) == 1


def test_ctrl_c_at_the_prompt_leaves(client: ServerClient) -> None:
    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    Dialogue(client, Conversation(), ScreenOutput(Screen(), Screen()), ThoughtStyle.SHOW, interrupted).run()


def test_commands(client: ServerClient) -> None:
    conversation = Conversation("smol")
    shown = talk(
        client,
        *("/help", "/system", "/system Answer in rhymes.", "/model", "/model small", "/model", "one", "/clear"),
        *("/system -", "/quit", "not asked"),
        conversation=conversation,
    )
    assert shown.splitlines() == [
        *HELP.splitlines(),
        "system prompt: none",
        "system prompt: Answer in rhymes.",
        "* smol",
        "model: small",
        "  smol",
        "Once upon",
        "the messages are forgotten",
        "system prompt: none",
    ]
    assert conversation == Conversation("small")


def test_wrong_commands_are_told(client: ServerClient) -> None:
    screen = Screen()
    lines = ("/exit", "/save", "/save /none/here", "/model nobody")
    Dialogue(client, Conversation(), ScreenOutput(screen, screen), ThoughtStyle.SHOW, typed(*lines)).run()
    assert screen.getvalue().splitlines()[:4] == [
        "/exit: no such command; /help lists them",
        "/save: FILE is required",
        "/save: /none/here: No such file or directory",
        f"nexa: {client.url} answered 404: model: expected one of smol, got 'nobody'",
    ]


def test_a_chat_is_saved_as_markdown_or_json_and_no_file_is_overwritten(client: ServerClient, tmp_path: Path) -> None:
    text, data = tmp_path / "chat.md", tmp_path / "chat.json"
    screen = Screen()
    lines = ("one", f"/save {text}", f"/save {data}", f"/save {text}")
    Dialogue(client, Conversation("smol"), ScreenOutput(screen, screen), ThoughtStyle.SHOW, typed(*lines)).run()
    assert text.read_text() == "## user\n\none\n\n## assistant\n\nOnce upon\n"
    assert json.loads(data.read_text())["messages"][1] == {"role": "assistant", "content": "Once upon"}
    assert f"/save: {text}: File exists" in screen.getvalue()


def test_a_line_of_other_bytes_and_names_that_no_file_has_leave_the_chat_as_it_is(client: ServerClient) -> None:
    conversation = Conversation("smol")
    lines = ("\udcff", "/save ~no-such-user/a.md", "/save a\0b", "one")
    assert talk(client, *lines, conversation=conversation) == "Once upon\n\n"
    assert len(conversation.messages) == 2
