"""Users with secrets in their prompts, in one engine: nobody's answer has anything of another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

COMMON = "These are the notes of one of our guests, who has a code for the door of the house. "
USERS = {f"user{number}": str(4871 + 613 * number) for number in range(4)}
"""The users and their secrets."""


def prompt_of(secret: str, turn: int = 0) -> str:
    """A prompt that the model goes on with by the secret, as it has seen it often."""
    return COMMON * 2 + f"The code is {secret}. " * (5 + turn) + "The code is"


@pytest.fixture(params=["all", "user"])
def engine(request: pytest.FixtureRequest, model_path: Path) -> Iterator[LlamaEngine]:
    """An engine with so few cells that jobs preempt each other, and that ended ones go to main memory."""
    options = LlamaOptions(str(model_path), 2, 4, context_tokens=256, kv_tokens=320, share_prefixes=request.param)
    loaded = LlamaEngine(options)
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


def run(engine: LlamaEngine, jobs: list[EngineJob]) -> tuple[dict[str, str], dict[str, int]]:
    """The answers of jobs, all submitted at once, and how many tokens of their prompts were cached."""
    answers, cached = {job.job_id: "" for job in jobs}, {}
    for job in jobs:
        engine.submit(job)
    while engine.has_work():
        for job_id, payload in engine.step():
            if isinstance(payload, Tokens):
                answers[job_id] += payload.text
            elif isinstance(payload, Started):
                cached[job_id] = payload.cached_tokens
    return answers, cached


def job_of(user: str, turn: int, generated: list[int] | None = None) -> EngineJob:
    work = TextJob(prompt=prompt_of(USERS[user], turn), sampling=Sampling(temperature=0), max_tokens=6)
    return EngineJob(user, work, generated or [], user=user)


def assert_own_secret_only(answers: dict[str, str]) -> None:
    for user, answer in answers.items():
        told = {other for other, secret in USERS.items() if secret in answer}
        assert told == {user}, answer


def test_an_answer_has_its_users_secret_and_no_others(engine: LlamaEngine) -> None:
    for turn in range(2):  # the second finds what the first left
        answers, _ = run(engine, [job_of(user, turn) for user in USERS])
        assert_own_secret_only(answers)


def test_only_the_same_users_prompts_are_found_if_the_operator_says_so(engine: LlamaEngine) -> None:
    private = engine._options.share_prefixes == "user"
    _, first = run(engine, [job_of("user1", 0)])
    _, other = run(engine, [job_of("user2", 0)])
    _, again = run(engine, [job_of("user1", 0)])
    assert first["user1"] == 0
    assert (other["user2"] == 0) is private
    assert again["user1"] > 50
