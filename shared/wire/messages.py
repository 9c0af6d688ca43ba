"""All messages between processes.

Jobs socket (ROUTER in the router, DEALER in each worker): :data:`RouterMessage` from router to worker, with the work of
a job (:mod:`shared.wire.work`) and its files (audio, images) as additional frames after :class:`Submit`;
:class:`Replayed` from worker to router.

Control socket (PUSH in the router, PULL in the supervisor): :data:`ControlMessage`. The roster shows the outcome of
orders.

Event bus (PUB in each worker and in the supervisor, SUB in the router and in the supervisor): :data:`BusMessage` in two
frames, ``[topic, message]``. :class:`Step`, :class:`JobReport` and :class:`ProbeEcho` have the router's own topic,
:class:`Heartbeat` has ``HEARTBEAT_TOPIC`` and :class:`Roster` has ``ROSTER_TOPIC``.

Changing messages: a message is an array of its fields in order, without their names, so both ends must have the same
fields. Bump ``PROTOCOL_VERSION`` (:mod:`shared.wire.codec`) when a message, or a type within one, is added or removed,
when a field is added, removed, moved or gets another type, unit or meaning, and when an enum member is removed or gets
another value. Renaming a class or field needs no bump. Never reuse a type code (the ``tag`` of a class):
``RETIRED_CODES`` has those of removed messages.
"""

from __future__ import annotations

from msgspec import field

from shared.wire.codec import Decoder, Struct
from shared.wire.jobs import MediaKind
from shared.wire.payloads import Payload, Started
from shared.wire.pictures import PictureInfo
from shared.wire.supervision import Roster, WorkerState

HEARTBEAT_TOPIC = b"heartbeat"
ROSTER_TOPIC = b"roster"


def router_topic(router_id: str) -> bytes:
    """The event bus topic for the jobs of one router."""
    return b"router/" + router_id.encode()


class Probe(Struct, tag=1, frozen=True):
    """Asks a worker to publish ``nonce`` on the bus, as proof that its events reach this router.

    ``router_id`` is unique to one run of the router. ``router_name`` stays the same over restarts, so that a worker can
    drop the jobs of an earlier run.
    """

    router_name: str
    router_id: str
    nonce: int


class Submit(Struct, tag=3, frozen=True):
    """A job, whose work is in the next frame (:mod:`shared.wire.work`).

    ``number`` counts the submissions of this run of the router, to all workers, from 1. ``seed`` replaces that of the
    work, if it has one.
    ``generated``, ``delivered`` and ``begun`` say what an earlier worker has already sent of it.
    ``user`` tells the jobs of one user from those of others, and no more: it is an opaque id, and empty for none.
    ``weight`` is the share of the worker that this user gets beside others with work, above 0; batch jobs have less
    than 1.
    ``generated`` are token ids. ``delivered`` counts finished pictures, chunks of a recording, or log probabilities of
    an echoed prompt. ``begun`` is the :class:`Started` event: if set, an ``echo`` without log probabilities has been
    sent too. Each worker gets the job under a different ``job_id``, so late events of an earlier worker cannot be
    mistaken for those of this one. ``mirostat_mu`` is that of the last tokens of an earlier worker.

    With a ``ticket``, a later run of the router can go on with the job (:class:`ProbeEcho`). It has what the router
    needs for that, and nobody else reads it; ``earlier`` are the payloads that earlier workers sent. The worker keeps
    the job's events for ``keep_s`` after the end was acknowledged.
    """

    job_id: str
    router_id: str
    number: int
    seed: int | None = None
    generated: list[int] = field(default_factory=list)
    delivered: int = 0
    begun: Started | None = None
    ticket: bytes = b""
    earlier: list[Payload] = field(default_factory=list)
    keep_s: float = 0.0
    user: str = ""
    weight: float = 1.0
    mirostat_mu: float | None = None


class Cancel(Struct, tag=4, frozen=True):
    """Stop a job and free its slot. No events follow."""

    job_id: str


class Replay(Struct, tag=5, frozen=True):
    """Send the events of a job again, starting with ``first_seq``."""

    job_id: str
    first_seq: int


class Acknowledge(Struct, tag=6, frozen=True):
    """The ends of these jobs have arrived: the worker may drop their events."""

    job_ids: list[str]


class ReportAnswer(Struct, tag=19, frozen=True):
    """The router's answer to a :class:`JobReport`.

    The router has sent submissions up to number ``submitted`` before this message. ``next_seqs`` has the next event
    that it expects of each of its jobs: the worker may drop those before it.
    """

    router_id: str
    submitted: int
    next_seqs: dict[str, int]


class Drain(Struct, tag=7, frozen=True):
    """Finish the current jobs, then exit."""


class Event(Struct, frozen=True):
    """One event of a job. ``seq`` counts from 0 without gaps."""

    job_id: str
    seq: int
    payload: Payload


class Step(Struct, tag=10, frozen=True):
    """The events that one step of a worker produced for the jobs of one router."""

    worker_id: str
    events: list[Event]


class Orphan(Struct, frozen=True):
    """A job of an earlier run of the router. ``work`` is packed.

    If ``counted``, an earlier router has acknowledged its end, and so counted it as usage.
    """

    submit: Submit
    work: bytes
    counted: bool


class ProbeEcho(Struct, tag=11, frozen=True):
    """The answer to a :class:`Probe`, on the bus.

    ``orphans`` are the jobs with a ticket that the worker has, or keeps the events of, for earlier runs of the router.
    From now on they are this router's, which gets their events by :class:`Replay`. It cancels those that it cannot use.
    """

    worker_id: str
    nonce: int
    orphans: list[Orphan] = field(default_factory=list)


class Replayed(Struct, tag=12, frozen=True):
    """The answer to a :class:`Replay`. ``known`` is False if the worker has no such job."""

    worker_id: str
    job_id: str
    known: bool
    events: list[Event]


class JobReport(Struct, tag=18, frozen=True):
    """What a worker has of one router, published every ``HEARTBEAT_INTERVAL_S`` between its steps.

    All submissions up to number ``received`` have arrived or are lost. ``jobs`` holds the last sequence number of each
    job whose end is not acknowledged. So the router notices what was lost: a submission, an end, a cancellation.
    """

    worker_id: str
    received: int
    jobs: dict[str, int]


class EngineStats(Struct, frozen=True):
    """An engine's load: sequences, KV cache in tokens, and totals since loading.

    ``drafted_tokens`` were guessed by speculation, of which ``accepted_tokens`` were drawn: they took no step.
    ``checkpoints`` are copies of states in main memory, from which ``checkpoint_hits`` prompts went on. ``disk_files``
    and ``disk_bytes`` are the prefixes of all models on disk, ``disk_hits`` counts those that were read.

    Pictures and recordings are computed in pieces: ``media_encoded`` counts those that the projector computed, which
    took ``media_encode_s``, and ``media_reused`` those of prompts that were at hand.
    """

    running: int = 0
    waiting: int = 0
    kv_used_tokens: int = 0
    kv_total_tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    steps: int = 0
    preemptions: int = 0
    tokens_per_s: float = 0.0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    checkpoints: int = 0
    checkpoint_bytes: int = 0
    checkpoint_hits: int = 0
    disk_files: int = 0
    disk_bytes: int = 0
    disk_hits: int = 0
    disk_read_bytes: int = 0
    disk_written_bytes: int = 0
    media_encoded: int = 0
    media_encode_s: float = 0.0
    media_reused: int = 0


class Heartbeat(Struct, tag=13, frozen=True):
    """A worker's state, published every ``HEARTBEAT_INTERVAL_S`` and at each change of state.

    ``worker_id`` is unique to one worker process; ``worker_name`` (model and index) stays the same over restarts.
    ``busy_s`` is how long the current step has been running, 0 without work. ``loading`` is a fraction. ``sent_at_s``
    is a time of the machine's monotonic clock, which its processes share. ``dropped_lines`` are the lines of the log
    that the worker could not write. ``memory_bytes`` is main memory, ``device_memory_bytes`` that of the GPUs, 0 where
    it is not known. ``translates``: whether its model turns speech into English. ``thinks``:
    whether it may think before it answers a chat. ``media`` are those that it takes in a chat beside text. ``images``
    is what its image model is, None for other kinds and until it is loaded.
    """

    worker_id: str
    worker_name: str
    model: str
    pid: int
    device: str
    state: WorkerState
    loading: float
    slots: int
    context_tokens: int
    memory_bytes: int
    busy_s: float
    stats: EngineStats
    sent_at_s: float
    dropped_lines: int = 0
    translates: bool = False
    thinks: bool = False
    device_memory_bytes: int = 0
    media: tuple[MediaKind, ...] = ()
    images: PictureInfo | None = None


HEARTBEAT_INTERVAL_S = 0.5

RETIRED_CODES = frozenset({2})
"""Type codes of removed messages."""

RouterMessage = Probe | Submit | Cancel | Replay | Acknowledge | ReportAnswer | Drain
"""From a router to a worker, on the jobs socket."""

BusMessage = Step | JobReport | ProbeEcho | Heartbeat | Roster
"""From workers and the supervisor to a router, on the event bus."""

ROUTER_MESSAGES: Decoder[RouterMessage] = Decoder(RouterMessage)
REPLAYS: Decoder[Replayed] = Decoder(Replayed)
BUS_MESSAGES: Decoder[BusMessage] = Decoder(BusMessage)
HEARTBEATS: Decoder[Heartbeat] = Decoder(Heartbeat)
