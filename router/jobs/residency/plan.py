"""What the policy of residency sees and decides. All of it is plain values: the policy is a pure function of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Memory = Mapping[str, int]
"""Bytes by the name of the device: ``cpu`` (main memory), ``cuda:0``, …"""


class Stage(StrEnum):
    """How far a place is, as the policy sees it."""

    LOADING = "loading"
    READY = "ready"
    CLOSED = "closed"  # it takes no new jobs, and finishes those that it has
    LEAVING = "leaving"  # its process is ending; its memory is not free yet


@dataclass(frozen=True, slots=True)
class Device:
    """A device whose memory holds models. ``budget_bytes`` is what all places may take there together."""

    name: str
    budget_bytes: int


@dataclass(frozen=True, slots=True)
class ModelView:
    """One served model, loaded or not.

    Attributes:
        choices: where one worker may go, and what it takes there, best first; without any, it does not fit at all.
        load_s: the time that loading takes, measured or estimated.
        pinned: it never leaves for another model, nor for being idle.
        floor: the number of workers that it always has, 0 for a model that is loaded on demand. The supervisor keeps
            them; their places are fixed.
        ceiling: the number of workers that it may have.
        slots: how many jobs one worker runs at once.
        idle_unload_s: after this time without jobs it leaves; 0 is never.
        waiting: the number of jobs that wait for a worker.
        oldest_wait_s: for how long the oldest of them has waited; 0 if none waits.
        claim: how much the least served of the waiting users has already had of the device, in the unit of
            :mod:`shared.costs`; the lowest claim goes first. 0 if none waits.
        away_s: the time since it last had a loaded place, ready or closed; 0 while it has one, infinite if it never had
            any.
        idle_s: the time since it last had a job, waiting or running; 0 while it has any.
        retry_in_s: a load has failed, and the next may be tried after this time; 0 is now.
    """

    name: str
    choices: tuple[Memory, ...]
    load_s: float = 1.0
    pinned: bool = False
    floor: int = 0
    ceiling: int = 1
    slots: int = 1
    idle_unload_s: float = 900.0
    waiting: int = 0
    oldest_wait_s: float = 0.0
    claim: float = 0.0
    away_s: float = math.inf
    idle_s: float = 0.0
    retry_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlaceView:
    """One worker of a model, from the order to load it until its memory is free again.

    Attributes:
        name: the worker's name.
        memory: what it takes, measured or planned.
        stage_s: for how long it has been in this stage.
        running: the number of jobs that it has.
        idle_s: the time since it last had a job.
        closed_for: the model that it is to make room for, while it is closed; empty if it is idle or was ordered.
        fixed: it is one of those that its model always has, and never leaves.
        lost_turns: how often one of its jobs was handed back with nothing done, and still has nothing to show: a
            picture, or a prompt that takes long to compute.
        was_used: it has had a job since it was loaded.
    """

    name: str
    model: str
    memory: Memory
    stage: Stage
    stage_s: float = 0.0
    running: int = 0
    idle_s: float = 0.0
    closed_for: str = ""
    fixed: bool = False
    lost_turns: int = 0
    was_used: bool = True


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Start a worker of a model with this memory, one of the model's choices."""

    model: str
    memory: Memory


@dataclass(frozen=True, slots=True)
class Close:
    """Let a place take no new jobs: another model's users have waited long enough."""

    place: str
    for_model: str


@dataclass(frozen=True, slots=True)
class Reopen:
    """Let a closed place take jobs again: the other model is not wanted any more."""

    place: str


class UnloadCause(StrEnum):
    """Why a place is emptied, in one word: labels of metrics, and states in answers."""

    ROOM = "room"  # another model needs its memory
    IDLE = "idle"  # nobody has used it for its time
    SPARE = "spare"  # its model can do without it
    ORDER = "order"  # an operator wants it
    GONE = "gone"  # its model is not served any more


@dataclass(frozen=True, slots=True)
class Unload:
    """End a place's worker. Jobs that it still has are handed back to their queue first. ``reason`` is for the log."""

    place: str
    reason: str
    cause: UnloadCause = UnloadCause.ROOM


Action = LoadModel | Close | Reopen | Unload


@dataclass(frozen=True, slots=True)
class ResidencyRules:
    """The operator's rules.

    Attributes:
        swap_patience_s: how long a model's users wait for a place that others use, before it is closed for them; and
            for how long again the others may finish what runs there.
        min_stay_s: a model that was just loaded stays for this long while it has work, whoever waits.
        extra_worker_wait_s: a model's jobs wait at least this long before it gets another worker, on a device where no
            other model was used for as long.
        extra_worker_idle_s: a worker that its model can do without leaves after this time without jobs.
    """

    swap_patience_s: float = 30.0
    min_stay_s: float = 10.0
    extra_worker_wait_s: float = 5.0
    extra_worker_idle_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Residency:
    """All that the policy sees at one time."""

    devices: tuple[Device, ...]
    models: tuple[ModelView, ...]
    places: tuple[PlaceView, ...]
    rules: ResidencyRules
