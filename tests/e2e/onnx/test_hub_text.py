"""Text models in the hub's layout by a real server: a chat, a stream and a call, with both ways of computing them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.onnx.hub_layout import in_hub_layout
from tests.support.onnx.made_models import made_model
from tests.support.running_server import RunningServer, running

TOGETHER, IN_TURN = "smollm2", "appending"
QUESTION = {"role": "user", "content": "Extract: Jason is 25 years old."}
PERSON = {
    "name": "person",
    "parameters": {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 20, "maximum": 29}, "kind": {"enum": ["man", "woman"]}},
        "required": ["age", "kind"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """``nexa server onnx FOLDER FOLDER``: SmolLM2 with shared buffers, and tiny random weights without."""
    folder: Path = tmp_path_factory.mktemp("models")
    in_hub_layout(made_model("text"), folder / TOGETHER)
    (folder / IN_TURN).symlink_to(made_model("text-appending"), target_is_directory=True)
    with running("onnx", str(folder / TOGETHER), str(folder / IN_TURN)) as ready:
        yield ready


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, model: str, **fields: Any) -> Any:
    messages: Any = [QUESTION]
    return client.chat.completions.create(model=model, messages=messages, temperature=0, **fields)


@pytest.mark.parametrize("model", [TOGETHER, IN_TURN])
def test_a_stream_has_the_words_of_the_answer(client: openai.OpenAI, model: str) -> None:
    whole = ask(client, model, max_tokens=24)
    parts = [part.choices[0].delta.content or "" for part in ask(client, model, max_tokens=24, stream=True)]
    assert whole.choices[0].message.content
    assert "".join(parts) == whole.choices[0].message.content
    assert whole.usage.prompt_tokens > 10


@pytest.mark.parametrize("model", [TOGETHER, IN_TURN])
def test_a_call_satisfies_its_schema(client: openai.OpenAI, model: str) -> None:
    tools = [{"type": "function", "function": PERSON}]
    answer = ask(client, model, tools=tools, tool_choice="required", parallel_tool_calls=False)
    (call,) = answer.choices[0].message.tool_calls
    arguments = json.loads(call.function.arguments)
    assert (call.function.name, arguments.keys()) == ("person", {"age", "kind"})
    assert 20 <= arguments["age"] <= 29


def test_texts_in_turn_are_those_of_one_user_alone(client: openai.OpenAI) -> None:
    def told(number: int) -> str:
        prompt = f"{'Once upon a time. ' * number}A story about {number}:"
        return client.completions.create(model=IN_TURN, prompt=prompt, temperature=0, max_tokens=20).choices[0].text

    alone = [told(number) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(told, range(6))) == alone
