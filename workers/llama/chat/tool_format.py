"""How models write tool calls: the formats in known chat templates.

All formats have the same body, ``{"name": "...", "arguments": {...}}``, between different markers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """The markers around a model's calls.

    ``opening`` comes once before the first call and ``closing`` after the last; ``begin`` and ``end`` enclose each
    call; ``separator`` is between two. ``arguments_key`` is the key of the arguments in a call's body.
    ``content_first`` says whether content may come before the calls.
    """

    opening: str
    begin: str
    end: str
    separator: str
    closing: str
    arguments_key: str
    content_first: bool

    @property
    def trigger(self) -> str:
        """The text that marks the beginning of calls."""
        return (self.opening + self.begin).strip() or '{"name": "'


HERMES = ToolFormat("", "<tool_call>\n", "\n</tool_call>", "\n", "", "arguments", True)
MISTRAL = ToolFormat("[TOOL_CALLS][", "", "", ", ", "]", "arguments", True)
LLAMA3 = ToolFormat("", "", "", "; ", "", "parameters", False)


def format_of(template: str) -> ToolFormat:
    """The format in a chat template's source. If there is none, Hermes', which many models were trained on."""
    if "[TOOL_CALLS]" in template:
        return MISTRAL
    if "<tool_call>" not in template and '"parameters"' in template and "ipython" in template:
        return LLAMA3
    return HERMES
