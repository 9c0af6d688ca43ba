"""Learns how a model writes from what its chat template renders.

Neither the template's text nor the model's name counts, but for the few formats that templates do not show
(:mod:`workers.chat.formats.described`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from workers.chat.formats.chat_format import CallFormat, CallKind, ChatFormat, Pair
from workers.chat.formats.described import described, told
from workers.chat.learning.calls import learn_calls
from workers.chat.learning.cutting import Cutter
from workers.chat.learning.probing import FUNCTION, TOOLS, Renderer, TemplateProbe
from workers.chat.learning.thoughts import before_end, learn_reasoning, learn_turn, learn_words
from workers.chat.parsing.reader import TAG

HERMES = CallFormat(CallKind.JSON, call=Pair("<tool_call>\n", "\n</tool_call>"), separator="\n", exact=True)
"""For models whose templates know no calls."""


class Origin(StrEnum):
    """Where the format of calls comes from."""

    LEARNT = "learnt"
    DESCRIBED = "described"
    OWN_PROMPT = "own prompt"


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a template told.

    Attributes:
        chat_format: how the model writes.
        origin: where the format of calls comes from.
        reasoning_key: the key of a message in which the template takes thoughts; empty for none.
        arguments: how the template takes arguments, as an ``object`` or as ``text``; None if it renders no calls.
        lists_tools: whether prompts have the tools in them.
    """

    chat_format: ChatFormat
    origin: Origin
    reasoning_key: str = ""
    arguments: str | None = None
    lists_tools: bool = False


def learn(render: Renderer, source: str, ends: tuple[str, ...] = (), tokens: tuple[str, ...] = ()) -> Learnt:
    """Learn a format.

    Args:
        render: renders the template.
        source: its text.
        ends: the texts of the tokens that end an answer.
        tokens: the texts of the model's other marker tokens.
    """
    probe, cut = TemplateProbe.of(render), Cutter(tokens)
    listed = probe.tail(generation=True, tools=TOOLS)
    whole = _whole(render)
    lists_tools = FUNCTION in whole if listed is not None else False
    known = described(source)
    turn = learn_turn(probe, cut)
    if turn is None:
        chat_format = known or ChatFormat(calls=HERMES)
        return Learnt(chat_format, Origin.DESCRIBED if known else Origin.OWN_PROMPT, lists_tools=lists_tools)
    reasoning = learn_reasoning(probe, cut, turn, source)
    thought = reasoning.pair if reasoning else None
    words = learn_words(turn, thought, ends)
    calls = learn_calls(probe, cut, turn, thought, words, ends)
    turn_end = _first_tag(calls.turn_end if calls else turn.end, ends)
    if words and calls:
        words = replace(words, end=before_end(words.end, (turn_end,)).strip())
    chat_format = ChatFormat(thought, words, calls.calls if calls else None, turn_end=turn_end)
    origin = Origin.LEARNT
    if known is not None:
        chat_format, origin = replace(known, turn_end=known.turn_end or turn_end), Origin.DESCRIBED
        chat_format = replace(chat_format, thought=None if known.parts else known.thought or thought)
    elif calls is None or not calls.sound:
        in_prompt = told(whole + source) if lists_tools else None
        chat_format = replace(chat_format, calls=in_prompt or HERMES)
        origin = Origin.DESCRIBED if in_prompt else Origin.OWN_PROMPT
    return Learnt(
        chat_format,
        origin,
        reasoning.key if reasoning else "",
        calls.arguments if calls else None,
        lists_tools,
    )


def _first_tag(text: str, ends: tuple[str, ...]) -> str:
    """The tag or end token with which a text begins."""
    text = text.lstrip()
    tag = TAG.match(text)
    return next((end for end in ends if end and text.startswith(end)), tag.group() if tag is not None else "")


def _whole(render: Renderer) -> str:
    """A prompt with tools; one with a system message if tools do not show without."""
    whole = ""
    for leading in ([], [{"role": "system", "content": "rules"}]):
        try:
            whole = render([*leading, {"role": "user", "content": "hello"}], TOOLS, True, {})
        except MemoryError:
            raise
        except Exception:  # an untrusted program may raise anything
            continue
        if FUNCTION in whole:
            break
    return whole
