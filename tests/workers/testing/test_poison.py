from __future__ import annotations

import signal

import pytest

from workers.testing.poison import POISON_VARIABLE, poison_in


@pytest.mark.parametrize(
    ("words", "at"), [("a poison:5 b", 5), ("poison:0", 0), ("poison", None), ("poison:", None), ("other:5", None)]
)
def test_a_word_of_the_prompt_says_when_it_kills(words: str, at: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POISON_VARIABLE, "poison")
    assert poison_in(words.split()).at == at


def test_without_the_variable_no_prompt_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(POISON_VARIABLE, raising=False)
    assert poison_in(["poison:0"]).at is None


def test_it_kills_from_its_token_on(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr("workers.testing.poison.os.kill", lambda _, number: killed.append(number))
    monkeypatch.setenv(POISON_VARIABLE, "poison")
    poison = poison_in(["poison:2"])
    for sent in range(2):
        poison.taste(sent)
    assert killed == []
    poison.taste(2)
    assert killed == [signal.SIGKILL]
