"""Which prompts have the next step, and in which order."""

from __future__ import annotations

from collections.abc import Iterable

from workers.text.scheduling.fairness import FairTurns, prompts_alone, with_half_for
from workers.text.scheduling.prefill_budget import LONG_PROMPT_TOKENS, PlannedStep
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.sequence import Sequence, SequenceState


def is_long(prompt: Sequence) -> bool:
    """Whether computing a prompt takes so long that streams must hardly notice it."""
    return len(prompt.tokens) - prompt.begun_at >= LONG_PROMPT_TOKENS


def depth_of(prompts: Iterable[Sequence]) -> int:
    """How many tokens are before the next ones of the prompt that is furthest; 0 if there is none."""
    return max((prompt.computed for prompt in prompts), default=0)


def prompts_of_turn(sequences: Iterable[Sequence], left_out: Sequence | None) -> list[Sequence]:
    """The prompts that may have tokens in the next step: of long and other ones only one kind, as a batch with few
    tokens of a long prompt must not have many of others. Prompts that are at a picture or recording have none.

    The long ones follow if the oldest of them was left out of the last step.
    """
    filling = [sequence for sequence in sequences if sequence.state is SequenceState.PREFILL and sequence.pending_text]
    long = [prompt for prompt in filling if is_long(prompt)]
    if not long or len(long) == len(filling):
        return filling
    return long if left_out in long else [prompt for prompt in filling if prompt not in long]


def prompt_order(prompts: list[Sequence], turns: FairTurns, left_out: Sequence | None, budget: int) -> list[Sequence]:
    """The prompts of the next step, in their order.

    One that would only fill up the step behind short prompts of other users is left out, so that they need not wait
    for it. If that was the oldest, it gets half of the next step.
    """
    order = turns.prefill_order(prompts, budget)
    if left_out is not None and left_out in prompts:
        return with_half_for(left_out, order, budget)
    return prompts_alone(order, budget) or order


def oldest_without(scheduled: list[ScheduledTokens], running: Iterable[Sequence]) -> Sequence | None:
    """The oldest prompt of the step's set of adapters that is being computed, if it has no tokens in this step.

    One that is at a picture or recording is not left out: it could have none.
    """
    adapters = scheduled[0].sequence.adapters
    prefilling = (s for s in running if s.state is SequenceState.PREFILL and s.adapters == adapters)
    filling = (sequence for sequence in prefilling if sequence.pending_text)
    oldest = next(filling, None)
    return None if any(part.sequence is oldest for part in scheduled) else oldest


def planned_step(scheduled: list[ScheduledTokens]) -> PlannedStep:
    """What a step holds that was planned just now."""
    streams = [part for part in scheduled if part.sequence.state is SequenceState.DECODE]
    prompts = [part for part in scheduled if part.sequence.state is not SequenceState.DECODE]
    decoding, prompt = (sum(part.length for part in parts) for parts in (streams, prompts))
    return PlannedStep(len(streams), decoding, prompt, depth_of(part.sequence for part in prompts))
