"""The load of a text engine in figures."""

from __future__ import annotations

from dataclasses import dataclass

from shared.wire.messages import EngineStats
from workers.text.cache.disk.tier import DiskStats
from workers.text.cache.kv_cache import KVCache
from workers.text.scheduling.scheduler import Scheduler
from workers.text.speculation.speculation import Speculation
from workers.text.stepping.media_computing import MediaComputing


@dataclass(slots=True)
class StepTotals:
    """What an engine has done since it was loaded."""

    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0


def engine_stats(
    totals: StepTotals,
    generated: int,
    tokens_per_s: float,
    preparing: int,
    scheduler: Scheduler,
    cache: KVCache,
    speculation: Speculation | None,
    media: MediaComputing | None,
    disk: DiskStats,
) -> EngineStats:
    """The figures of an engine with so many jobs in preparation."""
    return EngineStats(
        running=len(scheduler.running),
        waiting=len(scheduler.waiting) + preparing,
        kv_used_tokens=cache.used_cells,
        kv_total_tokens=cache.total_cells,
        prompt_tokens=totals.prompt_tokens,
        cached_tokens=totals.cached_tokens,
        generated_tokens=generated,
        steps=totals.steps,
        preemptions=scheduler.preemptions,
        tokens_per_s=tokens_per_s,
        drafted_tokens=0 if speculation is None else speculation.drafted,
        accepted_tokens=0 if speculation is None else speculation.accepted,
        checkpoints=len(cache.checkpoints),
        checkpoint_bytes=cache.checkpoints.used_bytes,
        checkpoint_hits=cache.checkpoints.hits,
        disk_files=disk.files,
        disk_bytes=disk.used_bytes,
        disk_hits=disk.hits,
        disk_read_bytes=disk.read_bytes,
        disk_written_bytes=disk.written_bytes,
        media_encoded=0 if media is None else media.encoder.encoded,
        media_encode_s=0.0 if media is None else media.encoder.encode_s,
        media_reused=scheduler.media.reused,
    )
