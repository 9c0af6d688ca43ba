"""Learns from a chat template in what form it takes messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from workers.chat.learning.probing import (
    ARGUMENTS,
    FUNCTION,
    ID,
    OTHER_ID,
    TEXT,
    TEXT_KEY,
    TOOLS,
    USER,
    WORDS,
    Renderer,
    arguments_as,
    call,
    naming_id,
)

SYSTEM, RESULT, OTHER_RESULT, LATER = "Sprobe9 rules", "Tprobe9 results", "Tprobe8 results", "Uprobe8 asks"
OTHER_TEXT = "Vprobe8"
NAMES = ("hprobe_one", "hprobe_two")
"""Functions that are not among the tools, so that their names only show in calls."""
LONG_ID = "call_0123456789abcdef-probe"
_SYSTEM = {"role": "system", "content": SYSTEM}
_USER = {"role": "user", "content": USER}
_SAID = {"role": "assistant", "content": WORDS}
_LATER = {"role": "user", "content": LATER}


class Beside(StrEnum):
    """What a template makes of words beside calls."""

    TOGETHER = "together"  # it takes both in one message
    APART = "apart"  # the words lose it the calls, but it takes them in a message of their own before
    LOST = "lost"  # they cannot be shown


@dataclass(frozen=True, slots=True)
class Needs:
    """What a template needs.

    Attributes:
        arguments: ``object`` or ``text``.
        parts: contents are lists of parts.
        blank: what stands for no words beside calls.
        beside: what becomes of words beside calls.
        short_ids: ids of calls have 9 letters and digits.
        named_ids: ids of calls tell the function's name, which is not rendered otherwise.
        system: a leading system message is taken.
        late_system: so are system messages further on.
        system_for_user: it is only rendered if the user has the last word.
        system_for_tools: tools are only rendered behind a system message.
        merges: messages of one role after another are to be joined.
        calls: calls are rendered.
        calls_for_tools: only if the prompt has tools.
        parallel: several calls in one message are rendered.
        results: messages of the role ``tool`` are rendered.
        many_results: so are several of them, one after another.
    """

    arguments: str = "object"
    parts: bool = False
    blank: str | None = ""
    beside: Beside = Beside.TOGETHER
    short_ids: bool = False
    named_ids: bool = False
    system: bool = True
    late_system: bool = True
    system_for_user: bool = False
    system_for_tools: bool = False
    merges: bool = False
    calls: bool = True
    calls_for_tools: bool = False
    parallel: bool = True
    results: bool = True
    many_results: bool = True


def learn_needs(render: Renderer, arguments: str, calls_are_rendered: bool) -> Needs:
    """Try messages of each form."""
    trial = _Trial(render)
    if not trial.shows([_USER], USER) and trial.shows([_in_parts(_USER)], USER):
        trial = _Trial(render, parts=True)
    needs = Needs(
        arguments,
        trial.parts,
        system=trial.shows([_SYSTEM, _USER], SYSTEM, USER),
        late_system=trial.shows([_USER, _SAID, _SYSTEM, _LATER], USER, WORDS, SYSTEM, LATER),
        system_for_tools=not trial.lists_tools([_USER]) and trial.lists_tools([_SYSTEM, _USER]),
        merges=not trial.shows([_USER, _LATER], USER, LATER)
        or not trial.shows([_USER, _SAID, _SAID, _LATER], WORDS, LATER),
        calls=False,
    )
    if calls_are_rendered:
        needs = _with_calls(trial, needs)
    return _with_results(trial, needs)


def _with_calls(trial: _Trial, needs: Needs) -> Needs:
    """The needs, with those of calls."""
    forms = (needs, replace(needs, blank=None), replace(needs, named_ids=True))
    form = next((form for form in forms if trial.shows_whole([_USER, _called(form, 1)])), None)
    if form is None:
        return needs
    with_words = {**_called(form, 1), "content": WORDS}
    beside = Beside.TOGETHER
    if not trial.shows_calls([_USER, with_words], TEXT):
        apart = trial.shows_calls([_USER, _SAID, _called(form, 1)], WORDS, TEXT)
        beside = Beside.APART if apart else Beside.LOST
    return replace(
        form,
        calls=True,
        beside=beside,
        short_ids=not form.named_ids and not trial.shows_calls([_USER, _called(form, 1, LONG_ID)], TEXT),
        calls_for_tools=not trial.shows_calls([_USER, _called(form, 1)], TEXT, tools=(None,)),
        parallel=trial.shows_calls([_USER, _called(form, 2)], TEXT, OTHER_TEXT),
    )


def _with_results(trial: _Trial, needs: Needs) -> Needs:
    """The needs, with those of results, and of system messages before them."""
    asked = [_USER, _called(needs, 1) if needs.calls else _SAID]
    both = [_USER, _called(needs, 2) if needs.calls else _SAID]
    result, other_result = (
        {"role": "tool", "tool_call_id": _id(needs, index), "name": NAMES[index], "content": content}
        for index, content in enumerate((RESULT, OTHER_RESULT))
    )
    results = trial.shows([*asked, result], RESULT)
    last = [_SYSTEM, *asked, result] if results else [_SYSTEM, _USER, _SAID]
    return replace(
        needs,
        results=results,
        many_results=trial.shows([*both, result, other_result], RESULT, OTHER_RESULT),
        system_for_user=needs.system and not trial.shows(last, SYSTEM),
    )


def _id(needs: Needs, index: int) -> str:
    return naming_id(NAMES[index], index) if needs.named_ids else (ID, OTHER_ID)[index]


def _called(needs: Needs, count: int, identifier: str = "") -> dict[str, Any]:
    """A message with one or two calls."""
    shape = arguments_as(needs.arguments)
    calls = [
        call(NAMES[0], shape(ARGUMENTS), identifier or _id(needs, 0)),
        call(NAMES[1], shape({**ARGUMENTS, TEXT_KEY: OTHER_TEXT}), _id(needs, 1)),
    ]
    return {"role": "assistant", "content": needs.blank, "tool_calls": calls[:count]}


def _in_parts(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


@dataclass(frozen=True, slots=True)
class _Trial:
    render: Renderer
    parts: bool = False

    def shows(
        self,
        messages: list[dict[str, Any]],
        *texts: str,
        tools: Sequence[list[dict[str, Any]] | None] = (TOOLS, None),
    ) -> bool:
        """Whether the template takes the messages, with one of these tools, and shows the texts in this order."""
        for given in tools:
            shown = self._rendered(messages, given)
            places = [shown.rfind(text) for text in texts]
            if min(places) >= 0 and places == sorted(places):
                return True
        return False

    def shows_calls(
        self,
        messages: list[dict[str, Any]],
        *texts: str,
        tools: Sequence[list[dict[str, Any]] | None] = (TOOLS, None),
    ) -> bool:
        """The same for messages of which the last has calls. Some templates show them only once there are results."""
        results = [
            {"role": "tool", "tool_call_id": made["id"], "name": made["function"]["name"], "content": RESULT}
            for made in messages[-1]["tool_calls"]
        ]
        return self.shows(messages, *texts, tools=tools) or self.shows([*messages, *results], *texts, tools=tools)

    def shows_whole(self, messages: list[dict[str, Any]]) -> bool:
        """Whether the template shows the last message's first call with its name and arguments."""
        return self.shows_calls(messages, NAMES[0]) and self.shows_calls(messages, TEXT)

    def lists_tools(self, messages: list[dict[str, Any]]) -> bool:
        """Whether the prompt has the tools in it."""
        return FUNCTION in self._rendered(messages, TOOLS)

    def _rendered(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> str:
        if self.parts:
            messages = [_in_parts(m) if isinstance(m.get("content"), str) and m["content"] else m for m in messages]
        try:
            return self.render(messages, tools, True, {})
        except MemoryError:
            raise
        except Exception:  # an untrusted program may raise anything
            return ""
