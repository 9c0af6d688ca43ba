"""Learns from a chat template how the model writes thoughts and words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workers.chat.formats.chat_format import Pair
from workers.chat.learning.cutting import Cutter
from workers.chat.learning.probing import (
    ARGUMENTS,
    FUNCTION,
    ID,
    NOT_THINKING,
    THINKING,
    THOUGHT,
    TOOLS,
    WORDS,
    TemplateProbe,
    arguments_as,
    call,
)

REASONING_KEYS = ("reasoning_content", "reasoning", "thinking", "thought", "tool_plan")
_LAST_TAG = re.compile(r"(<[^<>]*>|\[[^\[\]]*\])(?:thought)?\s*$")
_FIRST_TAG = re.compile(r"\s*(<[^>]*>|\[[^\]]*\])?")
_THINK_TAG = re.compile(r"<([\w:]*think[\w:]*)>\s*$")
_EMPTY_THOUGHT = re.compile(r"<([\w:]*think[\w:]*)>\s*</\1>\s*$")
_NAMED = re.compile(r"think|thought|reason", re.IGNORECASE)
_SOURCE_TAG = re.compile(r"</([\w:]*(?:think|thought|reason)[\w:]*)>|\[/(THINK|THOUGHT|REASONING)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn begins and ends with.

    ``generations`` are the ends of prompts: by default, with thinking and without. ``head`` begins every answer.
    """

    plain: str
    generations: tuple[str, str, str]
    head: str
    end: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How thoughts are written, and the key (or ``parts``) in which the template takes them."""

    pair: Pair
    key: str


def learn_turn(probe: TemplateProbe, cut: Cutter) -> Turn | None:
    """What surrounds the words of an answer; None if they are not rendered."""
    plain = probe.tail({"content": WORDS})
    if plain is None or WORDS not in plain:
        return None
    default = probe.tail(generation=True) or ""
    with_thought = probe.tail(generation=True, options=THINKING)
    without = probe.tail(generation=True, options=NOT_THINKING)
    generations = (default, default if with_thought is None else with_thought, default if without is None else without)
    shared = cut.common_begin(generations[1], generations[2]) or default
    end = plain[plain.rindex(WORDS) + len(WORDS) :]
    return Turn(plain, generations, cut.loose_begin(plain, shared), end)


def learn_reasoning(probe: TemplateProbe, cut: Cutter, turn: Turn, source: str) -> Reasoning | None:
    """How the model thinks, None if it does not, as far as the template tells."""
    for key in (*REASONING_KEYS, "parts"):
        for options in ({}, THINKING):
            learnt = _rendered_thought(probe, cut, turn, key, options)
            if learnt is not None:
                return Reasoning(learnt, key)
    return _prompted_thought(turn) or _thought_in_words(probe, source)


def _rendered_thought(probe: TemplateProbe, cut: Cutter, turn: Turn, key: str, options: dict[str, bool]) -> Pair | None:
    def rendered(message: dict[str, object]) -> str | None:
        if key == "parts":
            content = [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": message["content"] or WORDS}]
            message = {**message, "content": content}
        else:
            message = {**message, key: THOUGHT}
        text = probe.tail(message, tools=TOOLS if "tool_calls" in message else None, options=options)
        dumped = key == "parts" and text is not None and re.search(r"['\"]thinking['\"]", text)
        return text if text is not None and THOUGHT in text and not dumped else None

    words = rendered({"content": WORDS})
    calls = None
    for shape in ("object", "text"):
        calls = calls or rendered({"content": "", "tool_calls": [call(FUNCTION, arguments_as(shape)(ARGUMENTS), ID)]})
    text = words or calls
    if text is None:
        return None
    return Pair(_begin_of(text[: text.index(THOUGHT)], cut, turn), _end_of(words, calls, cut))


def _begin_of(before: str, cut: Cutter, turn: Turn) -> str:
    """The marker at the end of what stands before a thought; empty if only the prompt opens it."""
    prompts = [g for g in turn.generations if before.startswith(g)]
    prompt = max(prompts, key=len, default=cut.loose_begin(before, max(turn.generations, key=len)))
    begin = before[len(prompt) :]
    if begin.strip():
        return begin
    tag = _LAST_TAG.search(before)
    return tag.group(0) if tag is not None and (prompts or _NAMED.search(tag.group(1))) else ""


def _end_of(words: str | None, calls: str | None, cut: Cutter) -> str:
    ends = []
    for shown in (words, calls):
        if shown is not None:
            rest = shown[shown.index(THOUGHT) + len(THOUGHT) :]
            places = [at for at in (rest.find(WORDS), rest.find(FUNCTION)) if at >= 0]
            ends.append(rest[: min(places, default=len(rest))])
    if len(ends) == 2 and (shared := cut.common_begin(*ends)).strip():
        return shared
    if words is not None:
        return ends[0]
    tag = _FIRST_TAG.match(ends[0])  # the end of the thought and the begin of the call are one piece
    return tag.group(0) if tag is not None else ends[0]


def _prompted_thought(turn: Turn) -> Reasoning | None:
    """The thought that prompts open or close, of a template that renders none."""
    _, with_thought, without = turn.generations
    tag = _THINK_TAG.search(with_thought) or _EMPTY_THOUGHT.search(without)
    return Reasoning(Pair(f"<{tag.group(1)}>", f"</{tag.group(1)}>"), "") if tag is not None else None


def _thought_in_words(probe: TemplateProbe, source: str) -> Reasoning | None:
    """The markers of a template that takes thoughts out of an earlier answer's words."""
    for match in _SOURCE_TAG.finditer(source):
        end = match.group()
        begin = end.replace("/", "", 1)
        text = probe.tail({"content": f"{begin}{THOUGHT}{end}{WORDS}"})
        if text is not None and WORDS in text and THOUGHT not in text:
            return Reasoning(Pair(begin, end), "")
    return None


def without_thought(text: str, thought: Pair | None) -> str:
    """The text without an empty thought at its beginning."""
    if thought is None or not thought.end.strip():
        return text
    begin, end = re.escape(thought.begin.strip()), re.escape(thought.end.strip())
    return re.sub(rf"^\s*(?:{begin})?\s*{end}\s*", "", text)


def learn_words(turn: Turn, thought: Pair | None, ends: tuple[str, ...]) -> Pair:
    """What encloses the words of an answer, the end of the turn included."""
    if not turn.plain.startswith(turn.head):
        return Pair()
    before = turn.plain[len(turn.head) : turn.plain.rindex(WORDS)]
    begin = without_thought(before, thought).strip()
    if not begin or (thought is not None and begin in (thought.begin.strip(), thought.end.strip())):
        return Pair()
    return Pair(begin, before_end(turn.end, ends).strip())


def before_end(text: str, marks: tuple[str, ...]) -> str:
    """The text up to the first of these marks."""
    places = [text.find(mark.strip()) for mark in marks if mark.strip() and mark.strip() in text]
    return text[: min(places, default=len(text))]
