"""Random answers within the grammars of all formats: calls must be valid, and their arguments fit their schemas."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from scripts.formats.engine import DrawnAnswer, NoiseEngine, parameters_of
from scripts.formats.jobs import WANTS, random_job
from scripts.formats.templates import kind_of
from scripts.formats.vocabularies import SPACE_LETTER, SPACES_AS_LETTERS, markers_in, names_in, vocabulary
from shared.wire.jobs import TextJob, ToolChoice
from shared.wire.payloads import JobError
from workers.chat.formats.chat_format import ChatFormat

MAX_SHOWN = 300
"""Characters of a text in a fault."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one request: its number, where the answer belongs, and what is wrong with it, if anything."""

    number: int
    template: str
    vocabulary: str
    kind: str
    wants: str
    calls: int
    thought: bool
    fault: str | None


@dataclass(slots=True)
class Tally:
    """Counts by kind of calls."""

    answers: int = 0
    calls: int = 0
    thoughts: int = 0
    wants: Counter[str] = field(default_factory=Counter)
    faults: list[Answered] = field(default_factory=list)


def random_answers(models: Path, templates: Sequence[Path], numbers: Iterable[int], seed: int) -> Iterator[Answered]:
    """Draw answers in turn for all templates, each with all vocabularies, for all that requests may want.

    The same number gives the same answer, as long as the templates are the same. ``models`` is the folder of the
    vocabularies.
    """
    sources = {path.stem: path.read_text("utf-8") for path in templates}
    variants: list[tuple[str, list[str]]] = [
        (name, added) for name in names_in(models) for added in ([], markers_in(sources.values()))
    ]
    if not variants:
        raise FileNotFoundError(f"{models}: expected vocabularies (ggml-vocab-*.gguf), got none")
    unable: list[tuple[str, list[str]]] = [(name, []) for name in SPACES_AS_LETTERS]
    shares = defaultdict[int, list[tuple[int, str]]](list)
    for number in numbers:
        rounds, index = divmod(number, len(sources))
        variant = (rounds + index) % len(variants)
        if SPACE_LETTER in sources[templates[index].stem] and variants[variant] in unable:
            variant += 1  # the same vocabulary with marker tokens, as those models have them
        shares[variant].append((number, templates[index].stem))
    for index, (name, added) in enumerate(variants):
        if not shares[index]:
            continue
        with vocabulary(models, name, added) as tried:
            engine = NoiseEngine(tried)
            for number, template in shares[index]:
                yield _answered(engine, tried.name, template, sources[template], number, seed)


def _answered(
    engine: NoiseEngine, vocabulary_name: str, template: str, source: str, number: int, seed: int
) -> Answered:
    wants = WANTS[number % len(WANTS)]
    job = random_job(random.Random(f"{seed}/{number}"), wants)
    chat_format = engine.chat(source).format
    place = (number, template, vocabulary_name, kind_of(chat_format), wants)
    try:
        answer = engine.answer(source, job, seed + number)
    except JobError as error:
        return Answered(*place, 0, False, f"{error.failed.status}: {error.failed.message}")
    return Answered(*place, len(answer.calls), bool(answer.thought), fault_of(answer, job, chat_format))


def fault_of(answer: DrawnAnswer, job: TextJob, chat_format: ChatFormat) -> str | None:
    """What is wrong with an answer; None if it is as the job demands."""
    reason = _fault_of_calls(answer, job) or _fault_of_words(answer, job, chat_format)
    if reason is None and answer.tokens > answer.max_tokens:
        reason = f"expected at most {answer.max_tokens} tokens, got {answer.tokens}"
    if reason is None and answer.strays:
        reason = f"special tokens that are no markers: {answer.strays}"
    return None if reason is None else f"{reason}; it was {answer.raw[:MAX_SHOWN]!r}"


def _fault_of_calls(answer: DrawnAnswer, job: TextJob) -> str | None:
    parameters = parameters_of(job)
    for name, arguments in answer.calls:
        if name not in parameters:
            return f"a call of {name!r}"
        reason = _misfit(arguments, {"type": "object", **parameters[name]})
        if reason is not None:
            return f"arguments of {name}: {reason}"
    if job.tool_choice in (ToolChoice.REQUIRED, ToolChoice.NAMED) and not answer.calls:
        return "no call"
    if len(answer.calls) > 1 and not (job.parallel_tool_calls and job.tool_choice is not ToolChoice.NAMED):
        return f"{len(answer.calls)} calls instead of one"
    return None


def _fault_of_words(answer: DrawnAnswer, job: TextJob, chat_format: ChatFormat) -> str | None:
    words = answer.words.strip()
    if job.tool_choice in (ToolChoice.REQUIRED, ToolChoice.NAMED):
        return f"words beside calls: {words[:MAX_SHOWN]!r}" if words else None
    if job.constraint is not None:
        if answer.calls:
            return f"words beside calls: {words[:MAX_SHOWN]!r}" if words else None
        return _misfit(words, job.constraint.value)
    calls = chat_format.calls
    markers = [] if calls is None else [calls.section.begin.strip(), calls.call.begin.strip()]
    return next((f"words with {marker!r}" for marker in markers if marker and marker in words), None)


def _misfit(text: str, schema: dict[str, Any]) -> str | None:
    try:
        jsonschema.validate(json.loads(text), schema)
    except ValueError as error:
        return f"{text[:MAX_SHOWN]!r} is no JSON: {error}"
    except jsonschema.ValidationError as error:
        return f"{error.message[:MAX_SHOWN]} in {text[:MAX_SHOWN]!r}"
    return None


def tallies(answers: Iterator[Answered]) -> dict[str, Tally]:
    """The counts by kind of calls."""
    found: defaultdict[str, Tally] = defaultdict(Tally)
    for answer in answers:
        tally = found[answer.kind]
        tally.answers += 1
        tally.calls += answer.calls
        tally.thoughts += answer.thought
        tally.wants[answer.wants] += 1
        if answer.fault is not None:
            tally.faults.append(answer)
    return dict(found)


def table_of(found: dict[str, Tally]) -> str:
    """A line for each kind of calls, the sum, and the faults."""
    lines = [f"{'calls':17} answers  calls  thoughts  wrong"]
    for kind, tally in sorted(found.items()):
        lines.append(f"{kind:17} {tally.answers:7}  {tally.calls:5}  {tally.thoughts:8}  {len(tally.faults):5}")
    total = [sum(values) for values in zip(*(_numbers(tally) for tally in found.values()), strict=True)]
    lines.append(f"{'all':17} {total[0]:7}  {total[1]:5}  {total[2]:8}  {total[3]:5}")
    for tally in found.values():
        lines += [f"{f.number}: {f.template}, {f.vocabulary}, {f.wants}: {f.fault}" for f in tally.faults]
    return "\n".join(lines)


def _numbers(tally: Tally) -> tuple[int, int, int, int]:
    return tally.answers, tally.calls, tally.thoughts, len(tally.faults)
