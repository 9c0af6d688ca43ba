"""How right answers are told from wrong ones, and effects of arithmetic from faults."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from scripts.chaos.answer import Answer
from scripts.chaos.expected import EchoAnswers, ModelAnswers, ReferenceText, Task

REFERENCE = ReferenceText(
    "one two three",
    ["one", " two", " three"],
    [{"one": -0.1, "six": -3.0}, {" two": -0.7, " twoscore": -0.75, " ten": -4.0}, {" three": -0.5, " four": -0.6}],
)


def whole(text: str, tokens: int = 3) -> Answer:
    return Answer(200, text, 1, tokens, ended=True)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda text: text, False),
        (lambda text: text[2:], True),
        (lambda text: text + "more ", True),
        (lambda text: text.replace(" ", "  ", 1), True),
    ],
)
def test_an_echo_must_be_exact(change: Callable[[str], str], wrong: bool) -> None:
    answers = EchoAnswers()
    task = answers.task("client", random.Random(3))
    words, count = task.body["prompt"].split(), task.body["max_tokens"]
    text = "".join(f"{words[index % len(words)]} " for index in range(count))
    assert bool(answers.problem(task, whole(change(text), count))) is wrong


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, error="two workers died"),
        Answer(200, "one two three", 1, 3, ended=False),
        Answer(200, "one two three", 2, 3, ended=True),
        Answer(200, "one two three", 1, 2, ended=True),
    ],
)
def test_an_answer_has_one_end_and_the_right_count(answer: Answer) -> None:
    assert _model().problem(_task(), answer)


@pytest.mark.parametrize("text", ["one two three", "one two four", "one twoscore ago"])
def test_another_token_at_a_near_tie_is_accepted(text: str) -> None:
    assert _model().problem(_task(), whole(text)) == ""


@pytest.mark.parametrize("text", ["two three", "one one two", "one three", "one ten", "six", "one two", ""])
def test_lost_repeated_or_unlikely_tokens_are_faults(text: str) -> None:
    assert _model().problem(_task(), whole(text))


def _model() -> ModelAnswers:
    answers = ModelAnswers("model")
    answers._references["Count"] = REFERENCE
    return answers


def _task() -> Task:
    return Task("client-1", {"prompt": "Count", "max_tokens": 3})
