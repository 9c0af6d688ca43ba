"""OpenAI's own client against a real server."""

from __future__ import annotations

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from shared.wire.payloads import Done, FinishReason, Started, Tokens, ToolCallDelta
from tests.support.router.client import serving
from tests.support.router.fake_broker import QUEUE_FULL, FakeBroker

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me a story"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


def test_openai_client() -> None:
    broker = FakeBroker()
    with serving(broker) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["smol"]

        whole = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_completion_tokens=5)
        assert whole.choices[0].message.content == "Once upon"
        assert whole.usage is not None
        assert whole.usage.total_tokens == 9

        stream = client.chat.completions.create(
            model="smol",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Once upon"
        assert chunks[-1].usage is not None

        text = client.completions.create(model="smol", prompt="Tell me a story")
        assert text.choices[0].text == "Once upon"

        broker.script = [
            Started(1, 0),
            Tokens("", [1], tool_calls=[ToolCallDelta(0, "f", "{"), ToolCallDelta(0, None, "}")]),
            Done(FinishReason.TOOL_CALLS, 1, 0, 1, 0.1),
        ]
        with client.chat.completions.stream(model="smol", messages=MESSAGES, tools=TOOLS) as events:  # type: ignore[arg-type]
            message = events.get_final_completion().choices[0].message
        assert message.tool_calls
        assert message.tool_calls[0].function.arguments == "{}"

        with pytest.raises(openai.NotFoundError):
            client.completions.create(model="other", prompt="x")
        with pytest.raises(openai.BadRequestError, match="temperature"):
            client.completions.create(model="smol", prompt="x", temperature=9)
        broker.refusal = QUEUE_FULL
        broker.accepts = 0
        with pytest.raises(openai.RateLimitError):
            client.completions.create(model="smol", prompt="x")
