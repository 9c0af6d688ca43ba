"""What speaks against a job: the deaths of workers that it may have caused.

A death says little: any job of the worker may be the cause, or none. So jobs in doubt are tried again apart from each
other (:mod:`router.jobs.placement`), and only one that was alone on its worker during its trial is convicted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

WORKER_DIED = "worker_died"
"""The code of the error of a job that was convicted."""

MAX_DEATHS_BESIDE = 1
"""A job that was generating at more deaths than this, of which nobody knows the cause, is in doubt."""

FIRST_TRIAL_TOKENS = 16
"""Longest first trial of a job; each further one may be ``TRIAL_GROWTH`` times as long."""
TRIAL_GROWTH = 4


class Doubt(IntEnum):
    """How a job is retried: as any other, beside jobs that generate already, or alone on a worker."""

    NONE = 0
    SUSPECT = 1
    ACCUSED = 2


@dataclass(slots=True, eq=False)
class Death:
    """The death of a worker; ``explained`` once the job that caused it is known."""

    explained: bool = False


@dataclass(frozen=True, slots=True)
class Presence:
    """That a job was on a worker when it died, which had given ``tokens`` of it, pictures or chunks of a recording."""

    death: Death
    tokens: int
    on_trial: bool


@dataclass(slots=True)
class BlameRecord:
    """What speaks against one job. ``deaths`` counts all workers that died while they had it."""

    deaths: int = 0
    _open: list[Presence] = field(default_factory=list)
    _trials: int = 0

    @property
    def doubt(self) -> Doubt:
        """How the job is to be retried."""
        if not self._open:  # by far the most frequent
            return Doubt.NONE
        presences = self._unexplained()
        if any(presence.on_trial for presence in presences):
            return Doubt.ACCUSED
        if len(presences) > MAX_DEATHS_BESIDE or any(not presence.tokens for presence in presences):
            return Doubt.SUSPECT
        return Doubt.NONE

    @property
    def trial_tokens(self) -> int:
        """How many tokens its next worker must survive, at least 1.

        In a trial one more than any worker did that died, so that a job which kills after some time is found too.
        """
        if self.doubt is Doubt.NONE:
            return 1
        survived = max(presence.tokens for presence in self._unexplained())
        longest: int = FIRST_TRIAL_TOKENS * TRIAL_GROWTH**self._trials
        return min(survived + 1, longest)

    def add(self, death: Death, tokens: int, on_trial: bool) -> None:
        """Note that a worker died while it had the job."""
        self.deaths += 1
        self._open = [*self._unexplained(), Presence(death, tokens, on_trial)]

    def acquit(self) -> None:
        """Drop what speaks against the job: it has passed its trial."""
        self._open.clear()
        self._trials += 1

    def convict(self) -> None:
        """Explain all deaths by this job. They no longer speak against the others that were there."""
        self.deaths += 1
        for presence in self._open:
            presence.death.explained = True

    def _unexplained(self) -> list[Presence]:
        return [presence for presence in self._open if not presence.death.explained]
