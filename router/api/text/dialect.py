"""A dialect: how one API says what a text model is asked, and what it answers.

The representation that all dialects share is on the wire: a request becomes :class:`~shared.wire.jobs.TextJob`\\ s, and
an answer is made of the payloads of their events. A dialect is a pair of translators: a request's body, whose
``to_jobs`` is the one, and a :class:`Dialect`, which is the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from router.answers.choices import CollectedChoice
from router.answers.event_stream import ChunkWriter
from router.answers.submission import SubmittedRequest
from router.schemas.scheduling import Scheduling
from shared.wire.codec import Struct
from shared.wire.jobs import TextJob


class TextRequest(Scheduling, Protocol):
    """The body of a request for text."""

    model: str | None
    stream: bool

    @property
    def n(self) -> int:
        """The number of choices per prompt."""

    @property
    def notes(self) -> Sequence[str]:
        """What the request asks for and will not get, for ``X-Nexa-Warning``."""

    def to_jobs(self) -> Sequence[TextJob]:
        """One job for each choice. Raises ApiError if parameters contradict each other."""


B = TypeVar("B", bound=TextRequest)
R = TypeVar("R", bound=Struct)


@dataclass(frozen=True, slots=True)
class Dialect(Generic[B, R]):
    """How answers are written.

    ``write_whole`` makes the answer's object. A stream's writer is made by ``make_writer`` from the ``rendering``: what
    it must know of the body, of type ``rendering_type``, so that the next run of the router can make it again.
    """

    write_whole: Callable[[B, SubmittedRequest, list[CollectedChoice]], dict[str, Any]]
    rendering: Callable[[B], R]
    rendering_type: type[R]
    make_writer: Callable[[R, SubmittedRequest], ChunkWriter]

    def restore(self, rendering: bytes, submitted: SubmittedRequest) -> ChunkWriter:
        """The writer of a stream of an earlier run of the router, from its ticket's ``rendering``.

        Raises:
            ValueError: the rendering cannot be read.
        """
        return self.make_writer(msgspec.msgpack.decode(rendering, type=self.rendering_type), submitted)
