"""What a simulation is given: devices, models, and users who ask for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.jobs.residency.plan import Device, Memory, ResidencyRules

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class TraceModel:
    """A model of a trace; the fields are those of :class:`ModelView`. ``unload_s``: until its memory is free again."""

    name: str
    choices: tuple[Memory, ...]
    load_s: float = 5.0
    unload_s: float = 0.5
    slots: int = 1
    pinned: bool = False
    floor: int = 0
    ceiling: int = 1
    idle_unload_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Question:
    """One request: it is sent ``think_s`` after the last answer, and takes ``work_s`` on a worker."""

    model: str
    work_s: float
    think_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatedUser:
    """Asks the questions in their order, ``lanes`` at once, from ``first_at_s`` on."""

    name: str
    questions: tuple[Question, ...]
    first_at_s: float = 0.0
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: the shares of loads that fail, and the times at which the worker that runs longest dies."""

    failing_loads: float = 0.0
    deaths_at_s: tuple[float, ...] = ()
    retry_s: float = 5.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """One simulation."""

    name: str
    devices: tuple[Device, ...]
    models: tuple[TraceModel, ...]
    users: tuple[SimulatedUser, ...]
    rules: ResidencyRules = field(default_factory=ResidencyRules)
    faults: Faults = field(default_factory=Faults)
