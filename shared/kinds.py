"""The kinds of job, one row each: everything that the processes know about a kind, except how its engines run it.

A new kind is a member of :class:`JobKind`, a job class in :mod:`shared.wire.jobs`, and a row here; mypy then names each
``match`` that needs a case for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from shared.costs import estimate_images, estimate_speech, estimate_text
from shared.wire.jobs import ImageJob, SpeechJob, TextJob, Work

W = TypeVar("W", bound=Work)


class JobKind(StrEnum):
    """The kinds of job that an engine can run."""

    TEXT = "text"
    IMAGE = "image"
    SPEECH = "speech"


@dataclass(frozen=True, slots=True)
class KindSpec(Generic[W]):
    """One kind of job.

    ``estimate`` is the cost of a job before it runs, from the job and the size of its blobs in bytes (unit:
    :mod:`shared.costs`). A worker whose step takes longer than ``max_step_s`` counts as hung. ``example_model`` is a
    model of the catalog that serves this kind and that anybody may download.

    A job that ``can_be_preempted`` loses little when it goes back to the queue and resumes later. One that
    ``outlives_cancel`` may still occupy its worker for a while after it was cancelled.
    """

    job_class: type[W]
    estimate: Callable[[W, int], float]
    max_step_s: float
    example_model: str
    can_be_preempted: bool = False
    outlives_cancel: bool = False


KINDS: dict[JobKind, KindSpec[Any]] = {
    JobKind.TEXT: KindSpec(TextJob, estimate_text, max_step_s=60.0, example_model="smollm2", can_be_preempted=True),
    JobKind.IMAGE: KindSpec(ImageJob, estimate_images, max_step_s=900.0, example_model="sd1-5", outlives_cancel=True),
    JobKind.SPEECH: KindSpec(SpeechJob, estimate_speech, max_step_s=300.0, example_model="faster-whisper-tiny"),
}

_KIND_OF_CLASS: dict[type[Work], JobKind] = {spec.job_class: kind for kind, spec in KINDS.items()}


def kind_of(work: Work) -> JobKind:
    """The kind of ``work``."""
    return _KIND_OF_CLASS[type(work)]


def spec_of(work: Work) -> KindSpec[Any]:
    """What is known of the kind of ``work``."""
    return KINDS[kind_of(work)]


def estimated_cost(work: Work, blob_bytes: int = 0) -> float:
    """Cost of a job before it runs, at least 1. ``blob_bytes`` is the size of its files."""
    return spec_of(work).estimate(work, blob_bytes)


def max_step_s(kinds: Iterable[JobKind]) -> float:
    """The longest step of a worker that serves ``kinds``, in seconds. A longer one counts as hung."""
    return max(KINDS[kind].max_step_s for kind in kinds)
