"""One and the same answer is read back from the streams of four APIs by the packages that belong to them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from shared.wire.payloads import Done, FinishReason, Payload, Started, Tokens, ToolCallDelta
from tests.support.clients.packages import CLIENTS
from tests.support.clients.runs import run_file
from tests.support.router.client import post
from tests.support.router.fake_broker import FakeBroker

pytestmark = pytest.mark.timeout(600)

ANSWERS = 40
LETTERS = 'aé"\\\n 🏔<{'
TOOLS = ("look_up", "add")
MESSAGES = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {}}
FUNCTIONS = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in TOOLS]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES, "tools": FUNCTIONS},
    "/v1/responses": {
        "input": "Hello",
        "tools": [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in TOOLS],
    },
    "/v1/messages": {
        "messages": MESSAGES,
        "max_tokens": 100,
        "thinking": {"type": "adaptive"},
        "tools": [{"name": name, "input_schema": SCHEMA} for name in TOOLS],
    },
    "/api/chat": {"messages": MESSAGES, "tools": FUNCTIONS, "think": True},
}
READERS = {
    "read_openai.py": ("openai", ["/v1/chat/completions", "/v1/responses"]),
    "read_anthropic.py": ("anthropic", ["/v1/messages"]),
    "read_ollama.py": ("ollama", ["/api/chat"]),
}


def random_answer(draw: random.Random) -> list[Payload]:
    """Thoughts, words and calls as a worker sends them, in steps of any size."""
    steps: list[Payload] = [Started(7, 3)]
    for _ in range(draw.randrange(4)):
        steps.append(Tokens("", [1], reasoning=random_text(draw)))
    for _ in range(draw.randrange(4)):
        steps.append(Tokens(random_text(draw), [1]))
    calls = draw.randrange(3)
    for index in range(calls):
        text = json.dumps({random_text(draw): random_text(draw) for _ in range(draw.randrange(3))})
        cut = draw.randrange(len(text))
        steps.append(Tokens("", [1], tool_calls=[ToolCallDelta(index, draw.choice(TOOLS), text[:cut])]))
        steps.append(Tokens("", [1], tool_calls=[ToolCallDelta(index, None, text[cut:])]))
    reason = FinishReason.TOOL_CALLS if calls else FinishReason.STOP
    return [*steps, Done(reason, 7, 3, len(steps) - 1, 0.01)]


def random_text(draw: random.Random) -> str:
    return "".join(draw.choices(LETTERS, k=draw.randrange(1, 6)))


def told(answer: list[Payload]) -> dict[str, Any]:
    """What a client must read."""
    tokens = [payload for payload in answer if isinstance(payload, Tokens)]
    deltas = [delta for step in tokens for delta in step.tool_calls]
    names = [delta.name for delta in deltas if delta.name is not None]
    arguments = ["".join(d.arguments for d in deltas if d.index == index) for index in range(len(names))]
    return {
        "text": "".join(step.text for step in tokens),
        "thought": "".join(step.reasoning for step in tokens),
        "calls": [[name, json.loads(text)] for name, text in zip(names, arguments, strict=True)],
    }


@pytest.fixture(scope="module")
def answers() -> list[list[Payload]]:
    return [random_answer(random.Random(seed)) for seed in range(ANSWERS)]


@pytest.fixture(scope="module")
def broker() -> FakeBroker:
    """Makes its application once."""
    return FakeBroker()


@pytest.mark.parametrize("file", READERS)
def test_a_package_reads_what_was_told(file: str, answers: list[list[Payload]], broker: FakeBroker) -> None:
    package, paths = READERS[file]
    streams: dict[str, list[str]] = {path: [] for path in paths}
    for path in paths:
        for answer in answers:
            broker.script = answer
            response = post(broker, path, {"model": "smol", "stream": True, **BODIES[path]})
            assert response.status_code == 200, response.text
            streams[path].append(response.text)
    program = next(program for program in CLIENTS if program.name == package)
    found = run_file(program, file, json.dumps(streams))
    assert found == {path: [told(answer) for answer in answers] for path in paths}
