"""The result of a run, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.chaos.record import Record
from scripts.one_box.overseer import Overseer
from scripts.one_box.questions import Continuations, Subject
from scripts.one_box.users import Waits

Counts = tuple[Counter[str], Counter[str]]
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Swaps:
    """Loads by model and unloads by reason; workers that left with jobs, and workers that died."""

    loads: Counter[str] = field(default_factory=Counter)
    unloads: Counter[str] = field(default_factory=Counter)
    in_mid_answer: int = 0
    deaths: int = 0

    @classmethod
    def between(cls, before: Counts, after: Counts, log: str) -> Swaps:
        """What happened between two counts, with the server's log of that time."""
        return cls(after[0] - before[0], after[1] - before[1], log.count(" jobs moved "), unexpected_ends(log))


def unexpected_ends(log: str) -> int:
    """How many workers ended otherwise than by an order, by the supervisor's log."""
    ends, leaving = 0, set()
    for line in log.splitlines():
        worker = next((word for word in line.split() if word.startswith("worker=")), "")
        if " unloading " in line:
            leaving.add(worker)
        elif " worker exited " in line:
            ends += worker not in leaving and "exited with code 0" not in line
            leaving.discard(worker)
    return ends


def summary(
    seconds: float, record: Record, waits: Waits, overseer: Overseer, swaps: Swaps, subjects: Sequence[Subject]
) -> str:
    """What was asked, answered, loaded and waited for."""
    asked = record.requests["streamed"] + record.requests["whole"]
    lines = [f"{seconds:.0f} s: {asked} requests, {record.requests['right']} answered right"]
    lines += [f"  {record.requests['streamed']} streamed, {record.requests['whole']} whole"]
    for subject in subjects:
        if isinstance(subject, Continuations) and subject.answers.margins:
            count, largest = len(subject.answers.margins), max(subject.answers.margins)
            lines += [f"  {subject.model}: {count} texts differ after a near-tie (largest {largest:.2f})"]
    loads = ", ".join(f"{model} {count}" for model, count in sorted(swaps.loads.items()))
    unloads = ", ".join(f"{reason} {count}" for reason, count in sorted(swaps.unloads.items()))
    lines += [f"loads: {swaps.loads.total()} ({loads})"]
    lines += [
        f"unloads: {swaps.unloads.total()} ({unloads}); with answers that had to go on later: {swaps.in_mid_answer}"
    ]
    lines += [f"workers that died: {swaps.deaths}"]
    lines += [
        f"memory: budget {overseer.budget_bytes / MB:.0f} MB, planned at most {overseer.largest_planned_bytes / MB:.0f}"
        f" MB, measured at most {overseer.largest_held_bytes / MB:.0f} MB; at most {overseer.most_loaded} models loaded"
    ]
    lines += ["waits in seconds             requests   median   95 %   worst"]
    for title, times in (("stream begins", waits.begun_s), ("answer complete", waits.complete_s)):
        for model, found in sorted({**times, "all models": [one for few in times.values() for one in few]}.items()):
            lines += [f"  {title:16} {model[:24]:24} {_figures(found)}"]
    lines += [f"violations: {len(record.violations)}", *(f"  {one}" for one in record.violations[:40])]
    return "\n".join(lines)


def _figures(times_s: Sequence[float]) -> str:
    if not times_s:
        return "   none"
    ordered = sorted(times_s)
    count = len(ordered)
    median_s, late_s = ordered[count // 2], ordered[min(count - 1, count * 95 // 100)]
    return f"{count:6} {median_s:8.1f} {late_s:6.1f} {ordered[-1]:7.1f}"
