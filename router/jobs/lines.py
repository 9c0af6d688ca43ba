"""The lines in which jobs wait: each model has one for jobs that need a slot, and one for those that need none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from router.jobs.fairness.queue import FairQueue
from router.jobs.job import JobRequest
from router.jobs.limits import UserTally
from router.jobs.retry_after import ServiceRate
from router.jobs.workers.absence import Absence
from shared.kinds import spec_of


@dataclass(frozen=True, slots=True)
class JobLine:
    """Jobs of one model: those that need a slot, or those that need none. Limits hold for each line.

    ``tally`` counts the jobs of users in the lines of the same sort of all models, ``rate`` is how fast they get done.
    ``absence`` is the model's, and so the same for both of its lines.
    """

    tally: UserTally
    queue: FairQueue
    rate: ServiceRate
    absence: Absence


@dataclass(frozen=True, slots=True)
class UserShare:
    """How many jobs of a model a user has: waiting in the router, and sent to workers."""

    model: str
    user: str
    waiting: int
    running: int


class Lines:
    """The lines of all models."""

    def __init__(self, models: Iterable[str]) -> None:
        self._tallies = (UserTally(), UserTally())
        self._of_model: dict[str, tuple[JobLine, ...]] = {}
        for model in models:
            self.add(model)

    def add(self, model: str) -> None:
        """Make the lines of a model, unless they are there."""
        if model not in self._of_model:
            absence = Absence()
            self._of_model[model] = tuple(
                JobLine(tally, FairQueue(tally), ServiceRate(), absence) for tally in self._tallies
            )

    @property
    def models(self) -> list[str]:
        """The names of the models."""
        return list(self._of_model)

    def of(self, request: JobRequest) -> JobLine:
        """The line of a job."""
        slotless, slotted = self._of_model[request.model]
        return slotted if spec_of(request.work).needs_slot else slotless

    def of_model(self, model: str) -> tuple[JobLine, ...]:
        """The lines of a model, that of the quick jobs without a slot first."""
        return self._of_model[model]

    def shares(self) -> list[UserShare]:
        """Who has jobs of which model now, in a stable order."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for model, lines in self._of_model.items():
            for line in lines:
                for user, (waiting, running) in line.queue.count_by_user().items():
                    before = found.get((model, user), (0, 0))
                    found[model, user] = before[0] + waiting, before[1] + running
        return [UserShare(model, user, *counts) for (model, user), counts in sorted(found.items())]
