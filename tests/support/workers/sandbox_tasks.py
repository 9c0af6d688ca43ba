"""Tasks for a sandbox, and helpers to look at its processes."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import psutil

from shared.wire.jobs import Constraint, ConstraintKind, ToolChoice
from workers.chat.formats.chat_format import ChatFormat
from workers.chat.learning.learn import HERMES
from workers.chat.model_chat import learn_chat
from workers.chat.program import ChatProgram
from workers.text.sandbox.attempt import Limits
from workers.text.sandbox.messages import Compile, Render, Template
from workers.text.sandbox.sandbox import Sandbox

LIMITS = Limits(cpu_s=10.0, memory_bytes=256_000_000)
LITTLE_TIME = Limits(cpu_s=0.1, memory_bytes=256_000_000)

TEMPLATE = """{%- for message in messages -%}{{ message.content * (copies | default(1)) }}{%- endfor -%}
{%- for i in range(loops | default(0)) -%}{%- for j in range(99999) -%}{%- endfor -%}{%- endfor -%}"""

PATTERNS = {"type": "string", "allOf": [{"pattern": f"(a|b){{{n}}}c"} for n in range(30)]}
TOOL = {"type": "function", "function": {"name": "see", "parameters": {"type": "object", "properties": {}}}}


@cache
def template() -> Template:
    return Template(TEMPLATE, learn_chat(ChatProgram(TEMPLATE, "", "")))


def chat(**options: Any) -> Render:
    return Render(template(), [{"role": "user", "content": "hi"}], [], options)


def schema(value: Any) -> Compile:
    return Compile(Constraint(ConstraintKind.JSON_SCHEMA, value))


def nursery_of(sandbox: Sandbox) -> psutil.Process:
    return psutil.Process(sandbox._process.pid)


CALL = Compile(None, [TOOL], ToolChoice.REQUIRED, chat_format=ChatFormat(calls=HERMES))


def busy_children(nursery: psutil.Process) -> list[int]:
    found: list[int] = []
    for process in nursery.children():
        with suppress(psutil.NoSuchProcess):
            if process.cpu_percent(0.01) > 0:
                found.append(process.pid)
    return found
