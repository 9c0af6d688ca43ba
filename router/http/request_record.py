"""What is known of one HTTP request, gathered from its arrival to its end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import Scope

from router.jobs.consumption import Consumption
from router.jobs.job import Job
from router.jobs.limits import UNLIMITED, UserLimits
from shared.kinds import JobKind


class TokenMeter(Protocol):
    """Counts the tokens of keys that have a limit of them."""

    def admit(self, record: RequestRecord, held: Callable[[], int]) -> None:
        """Admit a request, or raise :class:`~router.jobs.refusals.Refused`. ``held`` says how many tokens it takes.

        It counts until it has ended.
        """


@dataclass(slots=True)
class RequestRecord:
    """What is known of one request so far.

    ``request_id`` is the client's ``X-Request-ID`` if that is well-formed, and need not be unique; ``answer_id`` is.
    ``user`` is the name of the request's API key (``key_name``, ``key_id``), or else the client's address; ``limits``
    and ``admin`` are that key's, and ``meter`` counts its tokens if they are limited. ``network`` is the client's
    (:func:`~shared.addresses.network_of`), empty if it has no address. ``outcome`` is done, refused, failed or
    cancelled. ``jobs`` and what they ``consumed`` are set at the request's end, ``prompts`` only if prompts are logged.
    ``warnings`` name what the request asked for and did not get. A ``detached`` request goes on without its connection;
    whoever ends it calls :meth:`end`. ``passed_on`` is set if a proxy that is not trusted has passed the request on, so
    that it may come from anywhere. An ``unhurried`` request has no default timeout.
    """

    answer_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    request_id: str = ""
    user: str = ""
    key_name: str = ""
    key_id: str = ""
    model: str | None = None
    kind: JobKind | None = None
    worker: str | None = None
    consumed: Consumption | None = None
    ttft_s: float | None = None
    outcome: str | None = None
    limits: UserLimits = UNLIMITED
    meter: TokenMeter | None = None
    admin: bool = False
    network: str = ""
    passed_on: bool = False
    jobs: Sequence[Job] = ()
    prompts: Sequence[Any] = ()
    warnings: Sequence[str] = ()
    detached: bool = False
    unhurried: bool = False
    _on_end: list[Callable[[], None]] = field(default_factory=list)

    def answer_sent(self, on_end: Callable[[], None]) -> None:
        """The connection needs the request no longer: call ``on_end`` now, or in :meth:`end` if it is detached."""
        if self.detached:
            self._on_end.append(on_end)
        else:
            on_end()

    def end(self) -> None:
        """End a request that may have been detached."""
        self.detached = False
        ending, self._on_end = self._on_end, []
        for on_end in ending:
            on_end()


@dataclass(frozen=True, slots=True)
class FinishedRequest:
    """A request that has ended, as observers see it.

    ``endpoint`` is the route's declared path, or ``other`` without a route. ``started_at_s`` is monotonic.
    """

    record: RequestRecord
    scope: Scope
    endpoint: str
    status: int
    outcome: str
    started_at_s: float
    duration_s: float


class RequestObserver(Protocol):
    """Is notified on the event loop when a request has ended and its answer has been sent."""

    def finished(self, request: FinishedRequest) -> None:
        """Record a request that has ended."""


HEAD_ONLY = "nexa.head_only"
"""The key in the scope of a request whose answer's body nobody will read, since its method was HEAD."""

ENDPOINT = "nexa.endpoint"
"""The key in the scope of the endpoint's path, if a request was answered before it came to its route."""

ON_BEHALF = "nexa.on_behalf"
"""The key in the scope of a request that the server itself makes: the :class:`Behalf` says for whom."""


@dataclass(frozen=True, slots=True)
class Behalf:
    """A user for whom the server makes requests later; the fields are those of :class:`RequestRecord`."""

    user: str
    key_name: str
    key_id: str
    network: str
    limits: UserLimits

    def apply_to(self, record: RequestRecord) -> None:
        """Make a request one of this user's, which takes the time that it needs."""
        record.user, record.key_name, record.key_id = self.user, self.key_name, self.key_id
        record.network, record.limits, record.unhurried = self.network, self.limits, True


PEER = "peer"
"""The key in a request's ``state`` of its connection's other end, which may be a proxy; ``client`` is the user's."""


def peer_of(scope: Scope) -> str:
    """The address of the connection's other end; empty if it has none."""
    peer = scope["state"].get(PEER) or scope.get("client")
    return str(peer[0]) if peer else ""


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that ``scope`` belongs to."""
    record: RequestRecord = scope["state"]["record"]
    return record
