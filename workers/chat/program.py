"""Runs chat templates as their authors meant: with the variables, filters and tags that the field's templates use.

A template is a Jinja program from a model file, so it is untrusted: it runs in Jinja's sandbox, on copies of what it
is given.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment


class TemplateRefusal(Exception):
    """The template called ``raise_exception``: it does not take these messages."""


class TemplateFailure(Exception):
    """The template went wrong."""


class _Generation(Extension):
    """``{% generation %}`` marks what an assistant wrote, for training. Here it changes nothing."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatProgram:
    """One template.

    Args:
        source: the Jinja source.
        bos: the text of the model's BOS token.
        eos: the text of its EOS token.
        now: tells the time.

    Attributes:
        constants: its string constants.

    Raises:
        ValueError: the template's syntax is wrong.
    """

    def __init__(self, source: str, bos: str, eos: str, now: Callable[[], datetime] = datetime.now) -> None:
        environment = SandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
        )
        environment.filters.update(tojson=_to_json, from_json=json.loads, fromjson=json.loads, safe=str)
        environment.globals.update(raise_exception=_refuse, strftime_now=lambda pattern: now().strftime(pattern))
        try:
            self._template = environment.from_string(source)
            parsed = environment.parse(source)
            self.constants = [str(constant.value) for constant in parsed.find_all(nodes.Const)]
        except jinja2.TemplateError as error:
            raise ValueError(f"chat template: not valid Jinja: {error}; --chat-template sets another one") from None
        self.source = source
        self._special = {"bos_token": bos, "eos_token": eos}
        self._now = now

    def render(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None = None,
        generation: bool = True,
        options: dict[str, Any] | None = None,
    ) -> str:
        """The prompt of these messages.

        Args:
            messages: the chat.
            tools: the functions in OpenAI's form.
            generation: end with the beginning of the assistant's turn.
            options: further variables.

        Raises:
            TemplateRefusal: the template does not take the messages; the text says why.
            TemplateFailure: the template went wrong; the text says how.
        """
        variables = {**self._variables(options or {}), "messages": messages, "add_generation_prompt": generation}
        if tools:
            functions = json.dumps([tool["function"] for tool in tools])
            return self._run({**variables, "tools": tools, "xml_tools": tools, "functions": functions})
        try:
            return self._run({**variables, "tools": None, "xml_tools": None, "functions": None})
        except TemplateFailure:  # some templates always list tools and documents
            lists = {"tools": [], "xml_tools": [], "functions": "[]", "documents": variables["documents"] or []}
            return self._run({**variables, **lists})

    def _variables(self, options: dict[str, Any]) -> dict[str, Any]:
        now = self._now()
        dates = {"datetime": now.strftime("%b %d %Y %H:%M GMT"), "date_string": now.strftime("%d %b %Y")}
        return {"documents": None, **dates, **options, **self._special}

    def _run(self, variables: dict[str, Any]) -> str:
        try:
            return self._template.render(copy.deepcopy(variables))
        except (TemplateRefusal, MemoryError):
            raise
        except Exception as error:  # an untrusted program may raise anything
            raise TemplateFailure(f"{type(error).__name__}: {error}") from None


def _to_json(
    value: Any,
    indent: int | None = None,
    ensure_ascii: bool = False,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=(separators[0], separators[1]) if separators else None,
        sort_keys=sort_keys,
        default=_plain,
    )


def _plain(value: object) -> object:
    """What Jinja's filters give as a generator, as a list."""
    if isinstance(value, jinja2.Undefined):
        return None
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"expected a value that JSON can hold, got {type(value).__name__}")


def _refuse(message: str) -> None:
    raise TemplateRefusal(message)
