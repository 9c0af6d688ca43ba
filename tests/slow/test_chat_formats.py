"""Every way in which models write, through HTTP: models with random weights and real vocabularies.

What such a model says is noise. So any answer may come, and all must be as the request demands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import openai
import pytest

from tests.support.models.random_models import RANDOM_MODELS, RandomModel, make_models
from tests.support.requests.chat_answers import ChatAnswer, asked, functions_of, streamed
from tests.support.running_server import RunningServer, running

pytestmark = pytest.mark.parametrize("model", RANDOM_MODELS, ids=lambda model: model.name)

SEEDS = (1, 2)
BUDGET = 220
"""Tokens of an answer. A thought of noise may take them all, up to the call that ends it."""

PARAMETERS: dict[str, dict[str, Any]] = {
    "get_weather": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "unit": {"type": "string", "enum": ["C", "F"]},
            "where": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]},
        },
        "required": ["city", "days"],
    },
    "book-table": {
        "type": "object",
        "properties": {
            "who": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
            "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"},
            "late": {"type": ["boolean", "null"]},
        },
        "required": ["who", "code"],
    },
    "ping": {"type": "object", "properties": {}},
}
TOOLS: Any = [{"type": "function", "function": {"name": n, "parameters": p}} for n, p in PARAMETERS.items()]
BOOKING: Any = {"type": "json_schema", "json_schema": {"name": "booking", "schema": PARAMETERS["book-table"]}}
QUESTION: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it warm in Rome?"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """``nexa server`` with all models."""
    with running(*map(str, make_models(tmp_path_factory.mktemp("models"))), "--nctx", "1024") as ready:
        yield ready


@pytest.fixture
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0)


def answers_to(client: openai.OpenAI, model: RandomModel, **body: Any) -> list[ChatAnswer]:
    """Two choices for each seed. Each is asked for whole and as a stream, which must be the same."""
    body = {"messages": QUESTION, "model": model.name, "n": 2, "max_tokens": BUDGET, "temperature": 1, **body}
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        whole = [pool.submit(asked, client, {**body, "seed": seed}) for seed in SEEDS]
        in_parts = [pool.submit(streamed, client, {**body, "seed": seed}) for seed in SEEDS]
        found = [choice for future in whole for choice in future.result()]
        others = [choice for future in in_parts for choice in future.result()]
    for one, other in zip(found, others, strict=True):
        assert one == other
    return found


def check_calls(answer: ChatAnswer) -> None:
    for name, arguments in answer.calls:
        jsonschema.validate(json.loads(arguments), PARAMETERS[name])


def thinking(on: bool) -> dict[str, Any]:
    return {"extra_body": {"chat_template_kwargs": {"enable_thinking": on}}}


def test_required_calls_are_valid(client: openai.OpenAI, model: RandomModel) -> None:
    for answer in answers_to(client, model, tools=TOOLS, tool_choice="required"):
        assert answer.calls
        assert (answer.words, answer.finish_reason) == ("", "tool_calls")
        assert len(set(answer.ids)) == len(answer.ids)
        assert all(len(identifier) == 9 and identifier.isalnum() for identifier in answer.ids)
        check_calls(answer)


def test_calls_that_may_come_are_valid(client: openai.OpenAI, model: RandomModel) -> None:
    for answer in answers_to(client, model, tools=TOOLS):
        assert answer.finish_reason in (("tool_calls",) if answer.calls else ("stop", "length"))
        assert not any(marker in answer.words for marker in model.added)
        check_calls(answer)


def test_formatted_answers_fit_their_schema(client: openai.OpenAI, model: RandomModel) -> None:
    for answer in answers_to(client, model, response_format=BOOKING):
        assert not answer.calls
        jsonschema.validate(json.loads(answer.words), PARAMETERS["book-table"])


def test_an_answer_is_a_call_or_fits_its_schema(client: openai.OpenAI, model: RandomModel) -> None:
    for answer in answers_to(client, model, tools=TOOLS, response_format=BOOKING):
        check_calls(answer)
        if not answer.calls:
            jsonschema.validate(json.loads(answer.words), PARAMETERS["book-table"])


def test_thoughts_are_apart_and_can_be_turned_off(client: openai.OpenAI, model: RandomModel) -> None:
    choices = {"tools": TOOLS, "tool_choice": "required"}
    thoughtful = answers_to(client, model, **thinking(True), **choices)
    assert any(answer.thought for answer in thoughtful) == model.thinks
    if model.switch:
        assert not any(answer.thought for answer in answers_to(client, model, **thinking(False), **choices))
    for answer in thoughtful:
        assert not any(marker in answer.thought for marker in model.added if "think" in marker)
        check_calls(answer)


def test_tokens_of_thoughts_are_counted(client: openai.OpenAI, model: RandomModel) -> None:
    for seed in SEEDS:
        completion = client.chat.completions.create(
            model=model.name, messages=QUESTION, seed=seed, max_tokens=60, **thinking(True)
        )
        assert completion.usage is not None
        details = completion.usage.completion_tokens_details
        counted = 0 if details is None else details.reasoning_tokens or 0
        thought = getattr(completion.choices[0].message, "reasoning_content", None)
        assert 0 <= counted <= completion.usage.completion_tokens
        assert counted > 0 if thought else counted <= 3  # the markers of an empty one


def test_native_calls_are_valid(server: RunningServer, model: RandomModel) -> None:
    for seed in SEEDS:
        body = {"model": model.name, "messages": QUESTION, "tools": TOOLS, "max_tokens": BUDGET, "seed": seed}
        message = server.post("/v1/function-calling", body)["choices"][0]["message"]
        for index, (name, arguments) in enumerate(functions_of(message["tool_calls"])):
            assert message["tool_calls"][index]["id"].startswith(f"call__{index}_{name}_cmpl-")
            jsonschema.validate(json.loads(arguments), PARAMETERS[name])
        assert message["tool_calls"]
