"""Renders calls in the forms in which a template may take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.chat.formats.chat_format import Pair
from workers.chat.learning.cutting import Cutter
from workers.chat.learning.probing import (
    ARGUMENTS,
    FUNCTION,
    ID,
    TEXT,
    TEXT_KEY,
    TOOLS,
    WORDS,
    TemplateProbe,
    arguments_as,
    call,
    naming_id,
)
from workers.chat.learning.thoughts import Turn, before_end, without_thought
from workers.chat.parsing.reader import TAG


@dataclass(frozen=True, slots=True)
class RenderedCalls:
    """Renders calls, without what stands around them in the turn.

    ``shape`` is that of arguments, ``beside`` the words beside the calls. With ``named_ids``, ids tell the function's
    name. ``words_apart`` says that words come behind the calls, or in a turn of their own. ``wrapped`` is the end of
    what encloses the words, if calls follow.
    """

    probe: TemplateProbe
    cut: Cutter
    turn: Turn
    thought: Pair | None
    words: Pair
    ends: tuple[str, ...]
    shape: str
    beside: str | None
    named_ids: bool
    words_apart: bool = False
    wrapped: str = ""

    def whole(self, *calls: tuple[str, dict[str, Any], str], tools: Sequence[dict[str, Any]] = TOOLS) -> str | None:
        """All of the answer with these calls; None if the template refuses it."""
        made = [
            call(name, arguments_as(self.shape)(arguments), naming_id(name, index) if self.named_ids else identifier)
            for index, (name, arguments, identifier) in enumerate(calls)
        ]
        return self.probe.tail({"content": self.beside, "tool_calls": made}, tools=tools)

    def calls(self, *calls: tuple[str, dict[str, Any], str], tools: Sequence[dict[str, Any]] = TOOLS) -> str | None:
        """The text from behind the words to the end; None if the template refuses the calls."""
        text = self.whole(*calls, tools=tools)
        return None if text is None else self.part(text, calls[0][0])

    def part(self, text: str, name: str = FUNCTION) -> str:
        """The part of a rendered answer that has the calls."""
        at = text.find(WORDS)
        if 0 <= at < text.find(name):
            text = text[at + len(WORDS) :]
            if self.words.end and text.lstrip().startswith(self.words.end):
                text = text.lstrip()[len(self.words.end) :]
            return text.lstrip().removeprefix(self.wrapped) if self.wrapped else text
        before_words = self.turn.plain[: self.turn.plain.rindex(WORDS)]
        heads = (self.cut.loose_begin(text, self.turn.head), self.cut.common_begin(text, before_words))
        return without_thought(text[max(map(len, heads)) :], self.thought)

    def before_turn_end(self, text: str) -> str:
        """The text without the turn's end."""
        return before_end(text, (self.turn.end, *self.ends))


def renderings(
    probe: TemplateProbe, cut: Cutter, turn: Turn, thought: Pair | None, words: Pair, ends: tuple[str, ...]
) -> Iterator[tuple[RenderedCalls, str]]:
    """The forms in which the template takes calls, each with the part of an answer that has one."""
    for named_ids in (False, True):
        for shape in ("object", "text"):
            for beside in (WORDS, "", None):
                rendered = RenderedCalls(probe, cut, turn, thought, words, ends, shape, beside, named_ids)
                text = rendered.whole((FUNCTION, ARGUMENTS, ID))
                if text is None or FUNCTION not in text or TEXT not in text:
                    continue
                if '\\"' + TEXT_KEY in text or str(ARGUMENTS) in text:  # quoted once more, or as Python shows it
                    continue
                if beside and WORDS in text:
                    apart = _words_are_apart(text, turn, words)
                    wrapped = "" if apart else _end_of_wrapper(text, turn)
                    rendered = replace(rendered, words_apart=apart, wrapped=wrapped)
                part = rendered.part(text)
                if FUNCTION in part and TEXT in part:
                    yield rendered, part


def _words_are_apart(text: str, turn: Turn, words: Pair) -> bool:
    """Whether the words come behind the call, or in a turn of their own."""
    gap = text[text.index(WORDS) + len(WORDS) :]
    end = turn.end.strip()
    ends_turn = bool(end) and gap.lstrip().startswith(end) and not words.end
    return text.index(WORDS) > text.index(FUNCTION) or ends_turn


def _end_of_wrapper(text: str, turn: Turn) -> str:
    """The end of tags around the words that words alone do not have, empty if there are none."""
    before, gap = text[: text.index(WORDS)].rstrip(), text[text.index(WORDS) + len(WORDS) :]
    tags, end = TAG.findall(before), TAG.match(gap.lstrip())
    if not tags or end is None or not before.endswith(tags[-1]) or tags[-1] in turn.plain:
        return ""
    return end.group()
