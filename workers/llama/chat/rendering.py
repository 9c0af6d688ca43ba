"""Chat templates: from messages to the prompt that a model was trained on.

A template is a Jinja program out of a model file, so it is untrusted: it runs in Jinja's immutable sandbox.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.wire.payloads import JobError
from workers.llama.chat.builtin_templates import BUILTIN_STOPS, BUILTIN_TEMPLATES, guess_template
from workers.llama.chat.tool_calls import ToolFormat, format_of
from workers.llama.native.vocabulary import Vocabulary

TOOL_PROMPT = """You can call these functions, given as JSON schemas:
{tools}
For example, the message "Anna is 31 years old and lives in Rome" and a function Person give:
<tool_call>
{{"name": "Person", "arguments": {{"name": "Anna", "age": 31, "city": "Rome"}}}}
</tool_call>
Call the function that fits the message, with values from the message."""
"""For templates that know no tools. Without the example, small models put the function's name into its arguments."""


class _Refused(Exception):
    """The template itself called ``raise_exception``."""


class ChatTemplate:
    """Renders the messages of a chat with one model's template.

    Args:
        source: the Jinja source, or the name of a built-in template.
        bos: the text of the model's BOS token.
        eos: the text of its EOS token.
        stop: words that end a turn, for templates that mark it by no special token.

    Raises:
        ValueError: the template's syntax is wrong.
    """

    def __init__(self, source: str, bos: str, eos: str, stop: tuple[str, ...] = ()) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
        try:
            self._template = environment.from_string(source)
            names = jinja2.meta.find_undeclared_variables(environment.parse(source))
        except jinja2.TemplateError as error:
            raise ValueError(f"the chat template cannot be read: {error}") from None
        self.knows_tools = "tools" in names
        self.tool_format: ToolFormat = format_of(source)
        self.stop = list(stop)
        self._special = {"bos_token": bos, "eos_token": eos}

    def render(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], options: dict[str, Any] | None = None
    ) -> str:
        """The prompt for the assistant's next turn.

        Raises:
            JobError: 400, the template refuses these messages, with its own words.
        """
        try:
            prepared = _plain_messages(messages, self.knows_tools)
        except RecursionError:
            raise JobError(400, "messages: the arguments of a call are nested too deep", "messages") from None
        if tools and not self.knows_tools:
            prepared = _with_system(prepared, TOOL_PROMPT.format(tools="\n".join(json.dumps(t) for t in tools)))
        try:
            return self._render(prepared, tools, options or {})
        except _Refused as error:
            if prepared[0]["role"] != "system":
                raise JobError(400, f"messages: the model's chat template says: {error}", "messages") from None
        merged = _system_into_user(prepared)
        try:
            return self._render(merged, tools, options or {})
        except _Refused as error:
            raise JobError(400, f"messages: the model's chat template says: {error}", "messages") from None

    def _render(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], options: dict[str, Any]) -> str:
        variables = {**options, **self._special, "messages": messages, "add_generation_prompt": True}
        if tools and self.knows_tools:
            variables["tools"] = tools
        try:
            return self._template.render(variables)
        except _Refused:
            raise
        except Exception as error:  # whatever an untrusted program may do wrong
            reason = f"{type(error).__name__}: {error}"
            raise JobError(400, f"messages: the model's chat template fails on them ({reason})", "messages") from None


def load_template(given: str, of_model: str | None, vocabulary: Vocabulary) -> ChatTemplate:
    """The template to use: the operator's (a built-in name or a Jinja file), else the model's, else a default.

    The default is chosen by the model's special tokens.

    Raises:
        ValueError: the template's syntax is wrong, or it is neither a name nor a file that can be read.
    """
    bos, eos = vocabulary.text_of_special(vocabulary.bos), vocabulary.text_of_special(vocabulary.eos)
    if given:
        return ChatTemplate(_source_of(given), bos, eos, stop=BUILTIN_STOPS.get(given, ()))
    if of_model:
        return ChatTemplate(of_model, bos, eos)
    name = guess_template(lambda text: vocabulary.special_token(text) is not None)
    return ChatTemplate(BUILTIN_TEMPLATES[name], bos, eos, stop=BUILTIN_STOPS.get(name, ()))


def _source_of(given: str) -> str:
    if given in BUILTIN_TEMPLATES:
        return BUILTIN_TEMPLATES[given]
    try:
        return Path(given).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        names = ", ".join(BUILTIN_TEMPLATES)
        raise ValueError(f"the chat template {given!r} is no file that can be read, and none of {names}") from None


def _refuse(message: str) -> None:
    raise _Refused(message)


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)


def _plain_messages(messages: list[dict[str, Any]], knows_tools: bool) -> list[dict[str, Any]]:
    """Messages as templates expect them: text content, known roles, arguments as objects, calls as words if need be."""
    plain = []
    for message in messages:
        message = {**message, "content": _text_of(message.get("content"))}
        if message["role"] == "developer":
            message["role"] = "system"
        if message.get("tool_calls"):
            message["tool_calls"] = [_parsed_call(call) for call in message["tool_calls"]]
        plain.append(message if knows_tools else _in_words(message))
    return plain


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content)
    return content or ""


def _parsed_call(call: dict[str, Any]) -> dict[str, Any]:
    function = dict(call["function"])
    if isinstance(function.get("arguments"), str):
        try:
            function["arguments"] = json.loads(function["arguments"])
        except ValueError:
            function["arguments"] = {"value": function["arguments"]}
    return {**call, "function": function}


def _in_words(message: dict[str, Any]) -> dict[str, Any]:
    """Tool calls and tool results as text, for templates that know neither."""
    if message.get("tool_calls"):
        calls = [
            f"<tool_call>\n{json.dumps({k: call['function'][k] for k in ('name', 'arguments')})}\n</tool_call>"
            for call in message["tool_calls"]
        ]
        words = [message["content"]] if message["content"] else []
        return {"role": "assistant", "content": "\n".join([*words, *calls])}
    if message["role"] in ("tool", "function"):
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    return {"role": message["role"], "content": message["content"]}


def _with_system(messages: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _system_into_user(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For templates without a system role: its text goes before the first user message."""
    system, rest = messages[0]["content"], messages[1:]
    for at, message in enumerate(rest):
        if message["role"] == "user":
            joined = {**message, "content": f"{system}\n\n{message['content']}"}
            return [*rest[:at], joined, *rest[at + 1 :]]
    return [{"role": "user", "content": system}, *rest]
