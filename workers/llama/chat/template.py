"""Chat templates, which turn messages into the prompt format that a model was trained on.

A template is a Jinja program from a model file, so it is untrusted and runs in Jinja's immutable sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.wire.payloads import JobError
from workers.llama.chat.builtin_templates import BUILTIN_STOPS, BUILTIN_TEMPLATES, guess_template
from workers.llama.chat.markup import Markup, SpecialTexts
from workers.llama.chat.messages import (
    TOOL_MARKUP,
    ChatMessage,
    messages_without_tools,
    parsed_messages,
    with_tool_prompt,
    without_system_role,
)
from workers.llama.chat.tool_format import ToolFormat, format_of


class _Refused(Exception):
    """The template called ``raise_exception``."""


class ChatTemplate:
    """Renders chats with one model's template.

    Args:
        source: the Jinja source.
        bos: the text of the model's BOS token.
        eos: the text of its EOS token.
        special: the texts of the model's special tokens, which are text in messages.

    Raises:
        ValueError: the template's syntax is wrong.
    """

    def __init__(self, source: str, bos: str, eos: str, special: SpecialTexts | None = None) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
        try:
            self._template = environment.from_string(source)
            parsed = environment.parse(source)
        except jinja2.TemplateError as error:
            raise ValueError(f"chat template: not valid Jinja: {error}; --chat-template sets another one") from None
        self.knows_tools = "tools" in jinja2.meta.find_undeclared_variables(parsed)
        constants = [str(node.value) for node in parsed.find_all(jinja2.nodes.Const)]
        self._markup = Markup(special or SpecialTexts(), source + TOOL_MARKUP, constants)
        self._special = {"bos_token": bos, "eos_token": eos}

    def render(
        self, messages: list[ChatMessage], tools: list[dict[str, Any]], options: dict[str, Any] | None = None
    ) -> list[str]:
        """The prompt for the assistant's next turn. ``options`` are extra variables for the template.

        Returns:
            The prompt in pieces that must be tokenised apart: usually one, more if the request spells special tokens.

        Raises:
            JobError: 400, with the template's own message if it refuses the messages.
        """
        try:
            parsed = parsed_messages(messages)
            marks = self._markup.marks_for(parsed, tools, options)
            prepared = [marks.message(message) for message in parsed]
            tools, options = marks.value(tools), marks.value(options or {})
        except RecursionError:
            raise JobError(400, "messages: the arguments of a call are nested too deeply", "messages") from None
        if not self.knows_tools:
            prepared = messages_without_tools(prepared)
            prepared = with_tool_prompt(prepared, tools) if tools else prepared
        try:
            return marks.split(self._render(prepared, tools, options))
        except JobError as error:
            failed = error.failed
            raise JobError(failed.status, marks.clean(failed.message), failed.param, failed.code) from None

    def _render(self, messages: list[ChatMessage], tools: list[dict[str, Any]], options: dict[str, Any]) -> str:
        """The prompt. If the template refuses it, again without a system message."""
        try:
            return self._filled(messages, tools, options)
        except _Refused as error:
            if messages[0]["role"] != "system":
                raise _refusal(error) from None
        try:
            return self._filled(without_system_role(messages), tools, options)
        except _Refused as error:
            raise _refusal(error) from None

    def _filled(self, messages: list[ChatMessage], tools: list[dict[str, Any]], options: dict[str, Any]) -> str:
        variables = {**options, **self._special, "messages": messages, "add_generation_prompt": True}
        if tools and self.knows_tools:
            variables["tools"] = tools
        try:
            return self._template.render(variables)
        except (_Refused, MemoryError):
            raise
        except Exception as error:  # an untrusted program may raise anything
            reason = f"{type(error).__name__}: {error}"
            raise JobError(400, f"messages: the model's chat template failed: {reason}", "messages") from None


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A template's Jinja source, and the strings that end a turn if it does not end it with a special token."""

    text: str
    stop: tuple[str, ...] = ()

    @property
    def tool_format(self) -> ToolFormat:
        """How the model writes calls."""
        return format_of(self.text)


def find_template(given: str, model_source: str | None, is_special: Callable[[str], bool]) -> TemplateSource:
    """The template to use: the operator's, else the model's, else a built-in one chosen by the special tokens.

    Args:
        given: the operator's: a built-in template's name or the path of a Jinja file; empty for none.
        model_source: the Jinja source in the model file, if it has one.
        is_special: whether a text is a special token of the model.

    Raises:
        ValueError: ``given`` is neither a name nor a readable file.
    """
    if given:
        return TemplateSource(_source_of(given), BUILTIN_STOPS.get(given, ()))
    if model_source:
        return TemplateSource(model_source)
    name = guess_template(is_special)
    return TemplateSource(BUILTIN_TEMPLATES[name], BUILTIN_STOPS.get(name, ()))


def _source_of(given: str) -> str:
    if given in BUILTIN_TEMPLATES:
        return BUILTIN_TEMPLATES[given]
    try:
        return Path(given).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        names = ", ".join(BUILTIN_TEMPLATES)
        raise ValueError(f"--chat-template: expected a readable file or one of {names}, got {given!r}") from None


def _refuse(message: str) -> None:
    raise _Refused(message)


def _refusal(error: _Refused) -> JobError:
    return JobError(400, f"messages: refused by the model's chat template: {error}", "messages")


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)
