"""The kinds of job, one row each: everything that the processes know about a kind, except how its engines run it.

A new kind is a member of :class:`JobKind`, a job class in :mod:`shared.wire.jobs`, and a row here; mypy then names each
``match`` that needs a case for it. A kind may have several classes of job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from shared.costs import (
    TokenEstimate,
    estimate_embedding,
    estimate_images,
    estimate_rerank,
    estimate_speech,
    estimate_text,
    estimate_tokenizing,
    estimate_upscaling,
    input_tokens,
    speech_tokens,
    text_tokens,
)
from shared.wire.jobs import EmbedJob, ImageJob, RerankJob, SpeechJob, TextJob, TokenizeJob, UpscaleJob, Work

W = TypeVar("W", bound=Work)


class JobKind(StrEnum):
    """The kinds of job that an engine can run."""

    TEXT = "text"
    IMAGE = "image"
    SPEECH = "speech"
    EMBEDDING = "embedding"
    RERANK = "rerank"


@dataclass(frozen=True, slots=True)
class JobSpec(Generic[W]):
    """One class of job.

    ``estimate`` is the cost of a job before it runs, from the job and the size of its blobs in bytes (unit:
    :mod:`shared.costs`), ``estimate_tokens`` what it will use of a limit of tokens; None for jobs that use none.

    A job that ``needs_slot`` takes one of its worker's places for jobs; others, which take milliseconds, never wait for
    one. A job that ``can_be_preempted`` loses little when it goes back to the queue and resumes later. One that
    ``outlives_cancel`` may still occupy its worker for a while after it was cancelled.
    """

    job_class: type[W]
    estimate: Callable[[W, int], float]
    needs_slot: bool = True
    can_be_preempted: bool = False
    outlives_cancel: bool = False
    estimate_tokens: Callable[[W, int], TokenEstimate] | None = None


@dataclass(frozen=True, slots=True)
class KindSpec:
    """One kind of job, and its classes.

    A worker whose step takes longer than ``max_step_s`` counts as hung. ``example_model`` is a model of the catalog
    that serves this kind and that anybody may download.
    """

    jobs: tuple[JobSpec[Any], ...]
    max_step_s: float
    example_model: str


_TEXT = JobSpec(TextJob, estimate_text, can_be_preempted=True, estimate_tokens=text_tokens)
_TOKENIZE = JobSpec(TokenizeJob, estimate_tokenizing, needs_slot=False)
_IMAGE = JobSpec(ImageJob, estimate_images, outlives_cancel=True)
_UPSCALE = JobSpec(UpscaleJob, estimate_upscaling, outlives_cancel=True)
_SPEECH = JobSpec(SpeechJob, estimate_speech, estimate_tokens=speech_tokens)
_EMBEDDING = JobSpec(EmbedJob, estimate_embedding, estimate_tokens=input_tokens)
_RERANK = JobSpec(RerankJob, estimate_rerank, estimate_tokens=input_tokens)

KINDS: dict[JobKind, KindSpec] = {
    JobKind.TEXT: KindSpec((_TEXT, _TOKENIZE), max_step_s=60.0, example_model="smollm2"),
    JobKind.IMAGE: KindSpec((_IMAGE, _UPSCALE), max_step_s=900.0, example_model="sd1-5"),
    JobKind.SPEECH: KindSpec((_SPEECH,), max_step_s=300.0, example_model="faster-whisper-tiny"),
    JobKind.EMBEDDING: KindSpec((_EMBEDDING,), max_step_s=900.0, example_model="all-minilm"),
    JobKind.RERANK: KindSpec((_RERANK,), max_step_s=900.0, example_model="bge-reranker-v2-m3"),
}

_SPECS: dict[type[Work], JobSpec[Any]] = {job.job_class: job for spec in KINDS.values() for job in spec.jobs}
_KIND_OF_CLASS: dict[type[Work], JobKind] = {job.job_class: kind for kind, spec in KINDS.items() for job in spec.jobs}


def kind_of(work: Work) -> JobKind:
    """The kind of ``work``."""
    return _KIND_OF_CLASS[type(work)]


def spec_of(work: Work) -> JobSpec[Any]:
    """What is known of jobs like ``work``."""
    return _SPECS[type(work)]


def estimated_cost(work: Work, blob_bytes: int = 0) -> float:
    """Cost of a job before it runs, at least 1. ``blob_bytes`` is the size of its files."""
    return spec_of(work).estimate(work, blob_bytes)


def estimated_tokens(work: Work, blob_bytes: int = 0) -> TokenEstimate | None:
    """The tokens that a job will probably use; None if such jobs use none."""
    estimate = spec_of(work).estimate_tokens
    return None if estimate is None else estimate(work, blob_bytes)


def max_step_s(kinds: Iterable[JobKind]) -> float:
    """The longest step of a worker that serves ``kinds``, in seconds. A longer one counts as hung."""
    return max(KINDS[kind].max_step_s for kind in kinds)
