"""What is learnt from chat templates, how long it takes, which usual chats fail, and whether calls survive."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from scripts.formats.chats import CHATS, fault
from scripts.formats.round_trip import RoundTrip
from scripts.formats.values import KINDS
from workers.chat.formats.chat_format import ChatFormat
from workers.chat.learning.learn import Origin
from workers.chat.model_chat import ModelChat, learn_chat
from workers.chat.program import ChatProgram


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """What was found out about one template.

    Attributes:
        name: of its file.
        origin: where the format of calls comes from; None if the template is no Jinja.
        kind: of calls.
        thinks: whether the model thinks.
        learning_s: time to learn.
        chats: what went wrong, by usual chat.
        trips: the number of random calls that were read back, by kind of values.
        faults: the first fault of each kind of values.
    """

    name: str
    origin: Origin | None
    kind: str = ""
    thinks: bool = False
    learning_s: float = 0.0
    chats: dict[str, str] = field(default_factory=dict)
    trips: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)


def kind_of(chat_format: ChatFormat) -> str:
    """The kind of calls, for a table."""
    if chat_format.parts is not None:
        return f"parts ({chat_format.parts.recipients})"
    return "none" if chat_format.calls is None else chat_format.calls.kind.value.replace("_", " ")


def inspect(path: Path, trips: int, seed: int) -> TemplateReport:
    """Find out about one template; ``trips`` random calls are tried for each kind of values."""
    began_at_s = perf_counter()
    try:
        program = ChatProgram(path.read_text("utf-8"), "<s>", "</s>")
    except ValueError as error:
        return TemplateReport(path.stem, None, chats={"syntax": str(error)})
    learnt = learn_chat(program)
    learning_s = perf_counter() - began_at_s
    chat = ModelChat(program, learnt)
    wrong = {usual.name: reason for usual in CHATS if (reason := fault(chat, usual)) is not None}
    counts, faults = Counter[str](), dict[str, str]()
    trip, draw = RoundTrip(program, chat), random.Random(f"{seed}/{path.stem}")
    for kind in KINDS:
        for _ in range(trips):
            reason = trip.fault(kind, draw)
            if reason is None:
                counts[kind] += 1
            else:
                faults.setdefault(kind, reason)
    return TemplateReport(
        path.stem,
        chat.learnt.origin,
        kind_of(chat.format),
        chat.format.thinks,
        learning_s,
        wrong,
        counts,
        faults,
    )


def table(reports: Iterable[TemplateReport], trips: int, details: bool) -> str:
    """A line for each template, and a summary."""
    rows = list(reports)
    width = max(len(row.name) for row in rows)
    lines = [f"{'template':{width}}  {'format':10}  {'calls':16}  thinks   ms  read back  wrong"]
    for row in rows:
        whole = sum(row.trips.values())
        wrong = [*row.chats, *(f"{kind} {trips - row.trips[kind]}/{trips}" for kind in row.faults)]
        lines.append(
            f"{row.name:{width}}  {row.origin or 'refused':10}  {row.kind:16}  {'yes' if row.thinks else 'no':6} "
            f"{row.learning_s * 1000:4.0f}  {whole:4}/{trips * len(KINDS):<4}  {', '.join(wrong) or '-'}"
        )
        if details:
            lines += [f"    {name}: {reason}" for name, reason in {**row.chats, **row.faults}.items()]
    return "\n".join([*lines, "", *_summary(rows, trips)])


def _summary(rows: list[TemplateReport], trips: int) -> list[str]:
    origins = Counter(str(row.origin or "refused") for row in rows)
    times = sorted(row.learning_s * 1000 for row in rows)
    chats = sum(len(row.chats) for row in rows)
    read = sum(sum(row.trips.values()) for row in rows)
    clean = sum(sum(row.trips.values()) == len(KINDS) * trips for row in rows)
    return [
        f"{len(rows)} templates: {', '.join(f'{number} {origin}' for origin, number in origins.most_common())}",
        f"learning: median {times[len(times) // 2]:.0f} ms, longest {times[-1]:.0f} ms",
        f"usual chats: {chats} of {len(rows) * len(CHATS)} go wrong",
        f"random calls: {read} of {len(rows) * len(KINDS) * trips} are read back, all of {clean} templates",
    ]
