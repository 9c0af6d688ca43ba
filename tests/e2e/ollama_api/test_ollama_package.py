"""The ollama package against a real server, unchanged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.support.clients.ollama_server import OllamaServer

ollama = pytest.importorskip("ollama")

GREEDY = {"temperature": 0, "num_predict": 12}
QUESTION: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
TINY = "hf.co/owner/tiny:Q4_K_M"


def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: The city's name.
    """
    return f"sunny in {city}"


@pytest.fixture
def client(ollama_server: OllamaServer) -> Iterator[Any]:
    with ollama.Client(host=ollama_server.url) as client:
        yield client


def test_list_show_and_ps_describe_the_model(client: Any) -> None:
    (listed,) = client.list().models
    assert (listed.model, listed.details.parameter_size) == ("smollm2:latest", "134.52M")
    shown = client.show("smollm2")
    assert shown.modelinfo["llama.block_count"] == 30
    assert "<|im_start|>" in shown.template
    assert shown.capabilities == ["completion", "tools", "embedding"]
    (running,) = client.ps().models
    assert (running.model, running.digest, running.context_length) == ("smollm2:latest", listed.digest, 2048)


def test_a_streamed_chat_is_the_whole_one(client: Any) -> None:
    whole = client.chat("smollm2", QUESTION, options=GREEDY)
    parts = list(client.chat("smollm2:latest", QUESTION, options=GREEDY, stream=True))
    assert whole.message.content
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert (parts[-1].done_reason, parts[-1].eval_count) == (whole.done_reason, whole.eval_count) == ("length", 12)
    assert min(whole.total_duration, whole.prompt_eval_duration, whole.eval_duration, whole.load_duration) > 0


def test_a_conversation_goes_on_from_its_context(client: Any) -> None:
    first = client.generate("smollm2", "My name is Ann.", options=GREEDY)
    second = client.generate("smollm2", "What is my name?", context=first.context, options=GREEDY)
    assert second.context[: len(first.context)] == first.context
    assert second.prompt_eval_count > len(first.context)


def test_tools_and_schemas(client: Any) -> None:
    options = {"temperature": 0, "num_predict": 60}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = client.chat("smollm2", QUESTION, format=schema, options=options)
    assert isinstance(json.loads(answer.message.content)["city"], str)
    called = client.chat("smollm2", QUESTION, tools=[get_weather], options=options)
    assert all(call.function.name == "get_weather" for call in called.message.tool_calls or [])


def test_texts_become_vectors(client: Any) -> None:
    texts = ["A cat sleeps on the sofa.", "A cat is sleeping on a couch.", "Stock prices fell on Monday."]
    answer = client.embed("smollm2", texts)
    cat, other_cat, stocks = answer.embeddings
    assert sum(number * number for number in cat) == pytest.approx(1.0, abs=1e-4)
    assert _similarity(cat, other_cat) > _similarity(cat, stocks)
    assert answer.prompt_eval_count > 15
    assert client.embeddings("smollm2", texts[0]).embedding == pytest.approx(cat, abs=1e-3)
    assert len(client.embed("smollm2", texts[0], dimensions=64).embeddings[0]) == 64


def _similarity(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_asynchronous_calls(ollama_server: OllamaServer) -> None:
    async def go() -> list[str]:
        async with ollama.AsyncClient(host=ollama_server.url) as client:
            listed, running, shown = await asyncio.gather(client.list(), client.ps(), client.show("smollm2"))
            assert listed.models[0].digest == running.models[0].digest
            assert shown.details.family == "llama"
            chatted = await client.chat("smollm2", QUESTION, options=GREEDY)
            embedded = await client.embed("smollm2", "A cat")
            assert len(embedded.embeddings) == 1
            copied = await client.copy("smollm2", "second")
            deleted = await client.delete("second")
            return [chatted.done_reason, copied.status, deleted.status]

    assert asyncio.run(go()) == ["length", "success", "success"]


def test_asynchronous_streams(ollama_server: OllamaServer) -> None:
    async def go() -> str:
        async with ollama.AsyncClient(host=ollama_server.url) as client:
            stream = await client.generate("smollm2", "Once upon a time", raw=True, stream=True, options=GREEDY)
            return "".join([part.response async for part in stream])

    assert asyncio.run(go())


def test_errors_have_their_status(client: Any) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nope' not found") as caught:
        client.chat("nope", QUESTION)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match=r"messages\.0\.images\.0: expected text, since") as caught:
        list(client.chat("smollm2", [{"role": "user", "content": "", "images": [b"x"]}], stream=True))
    assert caught.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="does not support thinking"):
        client.chat("smollm2", QUESTION, think=True)


def test_a_model_is_fetched_and_deleted(client: Any) -> None:
    lines = list(client.pull(TINY, stream=True))
    files = [line for line in lines if line.digest]
    assert files[-1].completed == files[-1].total > 0
    assert lines[0].status == "pulling manifest"
    assert "nexa server smollm2 hf:owner/tiny:Q4_K_M" in lines[-2].status
    assert lines[-1].status == "success"
    assert client.pull(TINY).status == "success"
    with pytest.raises(ollama.ResponseError, match="it is on this machine, to serve it: nexa server smollm2"):
        client.chat(TINY, QUESTION)
    assert client.delete(TINY).status == "success"
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.delete(TINY)


def test_a_copy_is_a_further_name(client: Any) -> None:
    assert client.copy("smollm2", "assistant:v1").status == "success"
    try:
        assert [row.model for row in client.list().models] == ["smollm2:latest", "assistant:v1"]
        assert client.chat("assistant:v1", QUESTION, options=GREEDY).model == "assistant:v1"
    finally:
        client.delete("assistant:v1")
    assert [row.model for row in client.list().models] == ["smollm2:latest"]
