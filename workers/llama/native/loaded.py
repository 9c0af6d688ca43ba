"""What llama.cpp did with a model and its context, by its own log, for one line of ours."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.settings.placement import LlamaCppOptions

log = logging.getLogger("nexa.llama")

_OFFLOADED = re.compile(r"offloaded (\d+/\d+) layers to GPU")
_WEIGHTS = re.compile(r"(\S+) model buffer size =\s*([\d.]+) MiB")
_OVERRIDDEN = re.compile(r"tensor blk\.(\d+)\.\S+exps\S* .*overrid", re.IGNORECASE)
_CACHE = re.compile(r"llama_(?:kv_cache|memory_recurrent)\w*: size =\s*([\d.]+) MiB")
_FLASH = re.compile(r"flash_attn\s*= (enabled|disabled)|flash attention\b.*?\b(enabled|disabled)", re.IGNORECASE)
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ContextSizes:
    """The sizes of a context, in tokens: of one sequence, of the KV cache, of a step, and of its parts.

    ``swa`` says what layers with a sliding window keep; it is empty if there are none.
    """

    context: int
    cells: int
    batch: int
    ubatch: int
    swa: str = ""


def tell_loaded(
    load: Sequence[str],
    context: Sequence[str],
    options: LlamaCppOptions,
    sizes: ContextSizes,
    reasons: Sequence[str],
    repacking: str = "",
) -> None:
    """Log in one line how a model was loaded.

    ``load`` and ``context`` are the messages of llama.cpp meanwhile; what they do not tell is left out. ``reasons`` say
    why sizes and options are as they are, where nobody asked for them; ``repacking`` says whether weights are repacked.
    """
    cache_bytes = int(sum(float(size) for size in _found(_CACHE, context)) * _MIB)
    told = {
        "context_tokens": sizes.context,
        "kv_cells": sizes.cells if cache_bytes else 0,
        "kv_bytes": cache_bytes,
        "kv_types": f"{options.cache_type_k}/{options.cache_type_v}" if cache_bytes else "",
        "swa": sizes.swa,
        "flash_attn": next(reversed(_found(_FLASH, context)), ""),
        "gpu_layers": next(reversed(_found(_OFFLOADED, load)), ""),
        "experts_on_cpu": _experts(load),
        "weights": _weights(load),
        "repack": repacking,
        "batch": f"{sizes.batch}/{sizes.ubatch}",
        "why": "; ".join(reasons),
    }
    log.info("model loaded", extra={name: value for name, value in told.items() if value})
    if options.mlock and any("failed to mlock" in message for message in load):
        log.warning("mlock: the system refuses to lock the weights in main memory; raise the limit (ulimit -l)")


def _found(pattern: re.Pattern[str], messages: Sequence[str]) -> list[str]:
    """What ``pattern`` finds, at most once in each message: the first group that took part."""
    matches = (pattern.search(message) for message in messages)
    return [next(filter(None, match.groups())) for match in matches if match is not None]


def _experts(load: Sequence[str]) -> str:
    layers = {int(layer) for layer in _found(_OVERRIDDEN, load)}
    return f"{len(layers)} layers" if layers else ""


def _weights(load: Sequence[str]) -> str:
    """The size of the weights on each device, as in ``CUDA0 4200 MB, CPU_Mapped 70 MB``."""
    matches = filter(None, (_WEIGHTS.search(message) for message in load))
    return ", ".join(f"{match[1]} {float(match[2]) * _MIB / 1e6:.0f} MB" for match in matches)
