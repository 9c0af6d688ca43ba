"""The thread that prepares recordings while the model works on chunks that are ready."""

from __future__ import annotations

import logging
import threading
from collections import deque

from shared.virtual_counters import VirtualCounters
from shared.wire.payloads import Failed
from workers.engine import Party
from workers.whisper.audio.notices import Notice, PreparedChunk
from workers.whisper.audio.preparation import Preparation

log = logging.getLogger("nexa.whisper")


class PreparationThread:
    """Gives one slice of work in turn, to users and to each one's recordings. Any thread may call its methods."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._turns: deque[str] = deque()
        self._preparations: dict[str, Preparation] = {}
        self._users = VirtualCounters[Party]()
        self._party_of: dict[str, Party] = {}
        self._notices: list[tuple[str, Notice]] = []
        self._current: Preparation | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="prepare", daemon=True)
        self._thread.start()

    def add(self, job_id: str, party: Party, preparation: Preparation) -> None:
        """Start preparing a recording."""
        with self._changed:
            self._preparations[job_id] = preparation
            self._party_of[job_id] = party
            self._users.enter(party)
            self._turns.append(job_id)
            self._changed.notify_all()

    def drop(self, job_id: str) -> None:
        """Stop preparing a recording and discard its notices. Does nothing for an unknown job."""
        with self._changed:
            preparation = self._preparations.pop(job_id, None)
            if preparation is not None:
                self._turns.remove(job_id)
                self._users.leave(self._party_of.pop(job_id))
                if preparation is not self._current:
                    preparation.end()
            self._notices = [notice for notice in self._notices if notice[0] != job_id]

    def taken(self, job_id: str) -> None:
        """The model has taken a chunk of a recording, so another one may be prepared."""
        with self._changed:
            if job_id in self._preparations:
                self._preparations[job_id].ahead -= 1
                self._changed.notify_all()

    def continue_at(self, job_id: str, start_s: float) -> None:
        """Without voice detection: the next chunk begins at ``start_s`` seconds of the recording."""
        with self._changed:
            if job_id in self._preparations:
                self._preparations[job_id].next_start_s = start_s
                self._changed.notify_all()

    def collect(self) -> list[tuple[str, Notice]]:
        """The notices since the last call, in order, each with its job."""
        with self._changed:
            notices, self._notices = self._notices, []
            return notices

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something to collect, at most ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._notices, timeout_s)

    def close(self) -> None:
        """End the thread after its current slice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while (turn := self._next_turn()) is not None:
            self._take_turn(*turn)
            turn = None  # or the waiting thread would keep the recording in memory

    def _take_turn(self, job_id: str, preparation: Preparation) -> None:
        notices = _advance(job_id, preparation)
        with self._changed:
            self._current = None
            self._add_notices(job_id, preparation, notices)

    def _next_turn(self) -> tuple[str, Preparation] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._runnable() is not None)
            job_id = None if self._closed else self._runnable()
            if job_id is None:
                return None
            self._turns.remove(job_id)
            self._turns.append(job_id)
            self._users.take_turn(self._party_of[job_id])
            self._users.charge(self._party_of[job_id], 1 / self._party_of[job_id][1])
            self._current = self._preparations[job_id]
            return job_id, self._current

    def _runnable(self) -> str | None:
        runnable = (job_id for job_id in self._turns if self._preparations[job_id].runnable)
        return min(runnable, key=lambda job_id: self._users.rank(self._party_of[job_id]), default=None)

    def _add_notices(self, job_id: str, preparation: Preparation, notices: list[Notice]) -> None:
        """Add the notices of a slice, unless the recording was dropped meanwhile."""
        if self._preparations.get(job_id) is not preparation:
            preparation.end()
            return
        preparation.ahead += sum(isinstance(notice, PreparedChunk) for notice in notices)
        self._notices += [(job_id, notice) for notice in notices]
        if notices:
            self._changed.notify_all()


def _advance(job_id: str, preparation: Preparation) -> list[Notice]:
    try:
        return preparation.advance()
    except Exception:
        log.exception("recording not prepared", extra={"job": job_id})
        preparation.end()
        return [Failed(500, "the recording could not be prepared; the worker's log has the reason")]
