"""``nexa chat`` for one answer, as in a pipe."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from router.cli.main import main
from shared.wire.jobs import TextJob
from shared.wire.payloads import FinishReason
from tests.support.launching import refusal
from tests.support.router.client import serving
from tests.support.router.fake_broker import FakeBroker, words


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker(script=words("Once", " upon"))


@pytest.fixture
def url(broker: FakeBroker) -> Iterator[str]:
    with serving(broker) as url:
        yield url


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def asked(broker: FakeBroker) -> TextJob:
    work: Any = broker.jobs[-1].request.work
    assert isinstance(work, TextJob)
    return work


@pytest.mark.parametrize(
    ("words", "stdin", "question"),
    [
        (["-m", "Hello"], "not read", "Hello"),
        (["-"], "from a pipe\n", "from a pipe"),
        ([], "from a pipe\n", "from a pipe"),
        (["smol", "-m", "Explain:", "-"], "a\nb\n", "Explain:\n\na\nb"),
    ],
)
def test_one_answer_is_all_that_is_written(
    url: str,
    broker: FakeBroker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    stdin: str,
    question: str,
) -> None:
    pipe(monkeypatch, stdin)
    options = ["--url", url, "--temperature", "0", "--max-tokens", "7", "--system", "Be brief."]
    assert main(["chat", *words, *options]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("Once upon\n", "")
    work = asked(broker)
    assert [message["content"] for message in work.messages or []] == ["Be brief.", question]
    assert (work.sampling.temperature, work.max_tokens) == (0.0, 7)


def test_a_cut_off_answer_is_told_apart_from_it(
    url: str, broker: FakeBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    broker.script = words("Once", finish=FinishReason.LENGTH)
    assert main(["chat", "-m", "Hello", "--url", url]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Once\n"
    assert printed.err == "nexa: the answer is cut off: --max-tokens or the model's context is used up\n"


def test_nothing_to_ask_is_an_error(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, "\n")
    assert refusal(capsys, "chat", "-", "--url", url) == (2, "nexa: a message is required; try: nexa chat -m 'Hello'")


def test_two_models_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "chat", "a", "b", "-m", "x") == (2, "nexa: MODEL: expected one model, got 2")


def test_an_unknown_model_is_refused_with_the_servers_words(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "chat", "nobody", "-m", "x", "--url", url)
    assert (code, line) == (1, f"nexa: {url} answered 404: model: expected one of smol, got 'nobody'")


def test_without_a_server_one_line_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "chat", "-m", "x", "--url", "http://127.0.0.1:1")
    assert code == 1
    assert line == (
        "nexa: --url: no server answers at http://127.0.0.1:1 ([Errno 111] Connection refused); "
        "start one: nexa server smollm2"
    )


def test_a_key_comes_from_the_environment_and_one_that_is_missing_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "secret", "key_required": True})
    with serving(broker) as url:
        code, line = refusal(capsys, "chat", "-m", "x", "--url", url)
        assert code == 1
        assert "answered 401: " in line
        assert line.endswith("; set NEXA_API_KEY to a key of the server (nexa key create NAME makes one)")
        monkeypatch.setenv("NEXA_API_KEY", "secret")
        assert main(["chat", "-m", "x", "--url", url]) == 0
