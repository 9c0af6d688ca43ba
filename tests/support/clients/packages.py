"""The packages that are tried as clients, each with its version and the program that uses it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.documents import REPOSITORY

PROGRAMS = REPOSITORY / "tests" / "clients" / "programs"


@dataclass(frozen=True)
class ClientProgram:
    """A program in ``tests/clients/programs``, or a command, and what pip or npm must install for it.

    ``clients`` are the names in docs/clients.md, each with its requirement. ``also`` is installed beside them.
    """

    file: str
    clients: dict[str, str]
    also: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """A short name, for folders and tests."""
        return Path(self.file).stem.removeprefix("with_") + ("_node" if self.is_node else "")

    @property
    def is_node(self) -> bool:
        """Whether npm installs it, not pip."""
        return not any("==" in requirement for requirement in self.requirements)

    @property
    def requirements(self) -> tuple[str, ...]:
        """What to install."""
        return (*self.clients.values(), *self.also)

    def version_of(self, client: str) -> str:
        """The version of a client."""
        return re.split(r"==|(?<=.)@", self.clients[client])[-1]


CLAUDE_CODE = ClientProgram("claude", {"Claude Code": "@anthropic-ai/claude-code@2.1.332"})
CODEX = ClientProgram("codex", {"Codex": "@openai/codex@0.171.0"})
BATCHES = "batches"
"""The name of the key for batches."""

LM_EVAL = ClientProgram("with_lm_eval.py", {"lm-eval": "lm-eval[api]==0.4.13"})

CLIENTS = (
    ClientProgram("with_openai.py", {"openai (Python)": "openai==3.57.0"}),
    ClientProgram("with_openai.mjs", {"openai (Node)": "openai@7.57.0"}, ("zod@4.6.7",)),
    ClientProgram("with_langchain.py", {"langchain-openai": "langchain-openai==1.7.4"}),
    ClientProgram("with_litellm.py", {"litellm": "litellm==1.110.2"}),
    ClientProgram("with_pydantic_ai.py", {"pydantic-ai": "pydantic-ai-slim[openai,anthropic]==2.68.0"}),
    ClientProgram("with_openai_agents.py", {"openai-agents": "openai-agents==0.24.0"}),
    ClientProgram(
        "with_ai_sdk.mjs",
        {
            "@ai-sdk/openai": "@ai-sdk/openai@4.0.118",
            "@ai-sdk/openai-compatible": "@ai-sdk/openai-compatible@3.0.92",
            "@ai-sdk/anthropic": "@ai-sdk/anthropic@4.0.105",
        },
        ("ai@7.0.173", "zod@4.6.7"),
    ),
    ClientProgram("with_llm.py", {"llm": "llm==0.36"}),
    ClientProgram("with_anthropic.py", {"anthropic": "anthropic==2.14.0"}),
    ClientProgram("with_ollama.py", {"ollama": "ollama==0.6.3"}),
)
