"""Learns from a chat template in what form it takes messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.chat.learning.probing import (
    ARGUMENTS,
    FUNCTION,
    ID,
    OTHER,
    OTHER_ID,
    TOOLS,
    USER,
    WORDS,
    Renderer,
    arguments_as,
    call,
)

SYSTEM, RESULT, OTHER_RESULT, LATER = "Sprobe9 rules", "Tprobe9 results", "Tprobe8 results", "Uprobe8 asks"
LONG_ID = "call_0123456789abcdef-probe"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a template needs.

    Attributes:
        arguments: ``object`` or ``text``.
        parts: contents are lists of parts.
        blank: what stands for no words beside calls.
        short_ids: ids of calls have 9 letters and digits.
        system: a leading system message is taken.
        late_system: so are system messages further on.
        merges: messages of one role after another are to be joined.
        calls: calls are rendered.
        results: messages of the role ``tool`` are rendered.
        many_results: so are several of them, one after another.
    """

    arguments: str = "object"
    parts: bool = False
    blank: str | None = ""
    short_ids: bool = False
    system: bool = True
    late_system: bool = True
    merges: bool = False
    calls: bool = True
    results: bool = True
    many_results: bool = True


def learn_needs(render: Renderer, arguments: str, calls_are_rendered: bool) -> Needs:
    """Try messages of each form."""
    trial = _Trial(render)
    user = {"role": "user", "content": USER}
    later = {"role": "user", "content": LATER}
    said = {"role": "assistant", "content": WORDS}
    if not trial.shows([user], USER) and trial.shows([_in_parts(user)], USER):
        trial = _Trial(render, parts=True)
    blank: str | None = ""
    called = _called(arguments, blank, ID)
    if calls_are_rendered and not trial.shows([user, called], FUNCTION):
        blank = None
        called = _called(arguments, blank, ID)
    takes_call = calls_are_rendered and trial.shows([user, called], FUNCTION)
    long_called = _called(arguments, blank, LONG_ID)
    result = {"role": "tool", "tool_call_id": ID, "name": FUNCTION, "content": RESULT}
    both = {**called, "tool_calls": [*called["tool_calls"], *_called(arguments, blank, OTHER_ID, OTHER)["tool_calls"]]}
    other_result = {"role": "tool", "tool_call_id": OTHER_ID, "name": OTHER, "content": OTHER_RESULT}
    return Needs(
        arguments,
        trial.parts,
        blank,
        short_ids=takes_call and not trial.shows([user, long_called], FUNCTION),
        system=trial.shows([{"role": "system", "content": SYSTEM}, user], SYSTEM, USER),
        late_system=trial.shows([user, said, {"role": "system", "content": SYSTEM}, later], USER, WORDS, SYSTEM, LATER),
        merges=not trial.shows([user, later], USER, LATER) or not trial.shows([user, said, said, later], WORDS, LATER),
        calls=calls_are_rendered,
        results=trial.shows([user, called, result], RESULT),
        many_results=trial.shows([user, both, result, other_result], RESULT, OTHER_RESULT),
    )


def _called(arguments: str, blank: str | None, identifier: str, name: str = FUNCTION) -> dict[str, Any]:
    made = call(name, arguments_as(arguments)(ARGUMENTS), identifier)
    return {"role": "assistant", "content": blank, "tool_calls": [made]}


def _in_parts(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


@dataclass(frozen=True, slots=True)
class _Trial:
    render: Renderer
    parts: bool = False

    def shows(self, messages: list[dict[str, Any]], *texts: str) -> bool:
        """Whether the template takes the messages, and shows the texts in this order."""
        if self.parts:
            messages = [_in_parts(m) if isinstance(m.get("content"), str) and m["content"] else m for m in messages]
        for tools in (TOOLS, None):
            try:
                shown = self.render(messages, tools, True, {})
            except Exception:  # an untrusted program may raise anything
                continue
            places = [shown.rfind(text) for text in texts]
            if min(places) >= 0 and places == sorted(places):
                return True
        return False
