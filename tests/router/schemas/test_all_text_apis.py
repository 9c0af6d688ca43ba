"""What means the same in every API of text: seeds, stop strings, efforts, and a constraint beside a required call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from router.schemas.anthropic.request import MessagesRequest
from router.schemas.errors import ApiError
from router.schemas.ollama.chat import OllamaChatRequest
from router.schemas.responses.request import ResponsesRequest
from router.schemas.text.chat import ChatRequest
from shared.wire.jobs import ReasoningEffort, TextJob

HI = [{"role": "user", "content": "Hi"}]


def chat(**fields: Any) -> TextJob:
    (job,) = ChatRequest.model_validate({"messages": HI, **fields}).to_jobs()
    return job


def response(**fields: Any) -> TextJob:
    return ResponsesRequest.model_validate({"input": "Hi", **fields}).to_job(list(HI))


def message(**fields: Any) -> TextJob:
    names = {"stop": "stop_sequences"}
    renamed = {names.get(name, name): value for name, value in fields.items()}
    return MessagesRequest.model_validate({"max_tokens": 9, "messages": HI, **renamed}).to_job()


def ollama(**fields: Any) -> TextJob:
    (job,) = OllamaChatRequest.model_validate({"messages": HI, "options": fields}).to_jobs()
    return job


all_apis = pytest.mark.parametrize("job_of", [chat, response, message, ollama])


@all_apis
@pytest.mark.parametrize(("given", "seed"), [(7, 7), (0, 0), (2**32 - 1, 0), (2**32 + 6, 7)])
def test_a_seed_is_the_same_number_everywhere(job_of: Callable[..., TextJob], given: int, seed: int) -> None:
    assert job_of(seed=given).sampling.seed == seed


@all_apis
@pytest.mark.parametrize("fields", [{}, {"seed": -1}])
def test_a_random_seed_is_drawn_by_the_router(
    job_of: Callable[..., TextJob], fields: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.schemas.text.sampling.seeds.secrets.randbelow", lambda bound: bound - 1)
    assert job_of(**fields).sampling.seed == 2**32 - 2


@all_apis
def test_empty_stop_strings_are_ignored_and_many_or_long_ones_refused(job_of: Callable[..., TextJob]) -> None:
    assert job_of(stop=["", "a", "b"]).stop == ["a", "b"]
    assert len(job_of(stop=["a"] * 16).stop) == 16
    for refused in (["a"] * 17, ["a" * 1025]):
        with pytest.raises(ValidationError):
            job_of(stop=refused)


@pytest.mark.parametrize(
    "job",
    [
        lambda: response(reasoning={"effort": "max"}),
        lambda: message(thinking={"type": "adaptive"}, output_config={"effort": "max"}),
        lambda: OllamaChatRequest.model_validate({"messages": HI, "think": "max"}).to_jobs()[0],
        lambda: chat(reasoning_effort="xhigh"),
    ],
)
def test_nothing_is_above_the_highest_effort(job: Callable[[], TextJob]) -> None:
    assert job().reasoning_effort is ReasoningEffort.XHIGH


TOOL = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("job", "field"),
    [
        (
            lambda: chat(
                tools=[{"type": "function", "function": TOOL}],
                tool_choice="required",
                response_format={"type": "json_object"},
            ),
            "response_format",
        ),
        (
            lambda: response(
                tools=[{"type": "function", **TOOL}], tool_choice="required", text={"format": {"type": "json_object"}}
            ),
            "text.format",
        ),
        (
            lambda: message(
                tools=[{"name": "f", "input_schema": {"type": "object"}}],
                tool_choice={"type": "any"},
                output_config={"format": {"type": "json_schema", "schema": {}}},
            ),
            "output_config.format",
        ),
    ],
)
def test_a_constraint_beside_a_required_call_is_refused(job: Callable[[], TextJob], field: str) -> None:
    with pytest.raises(ApiError) as refused:
        job()
    assert str(refused.value) == f"{field}: cannot be combined with a required tool call"
    assert refused.value.param == field
