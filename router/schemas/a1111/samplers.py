"""Samplers and schedulers as Automatic1111's clients name them."""

from __future__ import annotations

from dataclasses import dataclass

from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.engines.diffusion_names import (
    SAMPLER_LABELS,
    SCHEDULER_LABELS,
    find_sampler,
    find_scheduler,
    find_similar_sampler,
    find_similar_scheduler,
)

AUTOMATIC = "Automatic"
"""The scheduler's name for the model's own."""

_DEFAULT = frozenset({"", "automatic", "default", "none"})


@dataclass(frozen=True, slots=True)
class SamplerChoice:
    """A sampler and a scheduler of the library, None for the model's own.

    ``notes`` say where they are not those that were asked for.
    """

    sampler: str | None
    scheduler: str | None
    notes: tuple[str, ...] = ()


def settle(sampler_field: str, sampler: str | None, scheduler: str | None) -> SamplerChoice:
    """What these two names mean, of which the first one may end with a scheduler, which then counts.

    Raises:
        ApiError: 400, nobody knows one of them.
    """
    notes: list[str] = []
    found, named = _settled_sampler(sampler_field, sampler or "", notes)
    if named is None:
        named = _settled_scheduler(scheduler or "", notes)
    return SamplerChoice(found, named, tuple(notes))


def _settled_sampler(field: str, name: str, notes: list[str]) -> tuple[str | None, str | None]:
    if name.strip().casefold() in _DEFAULT:
        return None, None
    known = find_sampler(name)
    if known is None:
        known = find_similar_sampler(name)
        if known is None:
            raise _unknown(field, SAMPLER_LABELS, name)
        notes.append(f"{field}: {SAMPLER_LABELS[known[0]]} is used for {shown(name)}, which this server has not")
    return known


def _settled_scheduler(name: str, notes: list[str]) -> str | None:
    if name.strip().casefold() in _DEFAULT:
        return None
    known = find_scheduler(name)
    if known is None:
        known = find_similar_scheduler(name)
        if known is None:
            raise _unknown("scheduler", SCHEDULER_LABELS, name)
        notes.append(f"scheduler: {SCHEDULER_LABELS[known]} is used for {shown(name)}, which this server has not")
    return known


def _unknown(field: str, labels: dict[str, str], name: str) -> ApiError:
    return ApiError(400, f"{field}: expected one of {', '.join(labels.values())}, got {shown(name)}", field)
