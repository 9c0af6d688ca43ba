"""Opens what a decoder speculates with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from shared.settings.text.speculation import Speculate
from workers.text.cache.kv_cache import KVCache
from workers.text.model import BatchDecoder, DecoderSize, TextModel
from workers.text.speculation.draft_model import DraftModel, check_vocabulary
from workers.text.speculation.options import SpeculationOptions
from workers.text.speculation.speculation import Speculation

log = logging.getLogger("nexa.text")

CPU_SLOPE, GPU_SLOPE = 0.25, 0.02
"""What another token of a step costs, as a part of a step with a single one, until it was measured."""

LoadDraft = Callable[[str], TextModel]
"""Loads the draft model of a path. It may raise :class:`EngineLoadError`."""


def open_speculation(
    options: SpeculationOptions,
    model: TextModel,
    decoder: BatchDecoder,
    cache: KVCache,
    size: DecoderSize,
    kept_cells: int | None,
    load_draft: LoadDraft | None,
    resources: ExitStack,
) -> Speculation | None:
    """The speculation of a decoder of ``size``, whose draft model is freed with ``resources``; None without any.

    Raises:
        EngineLoadError: the draft model cannot be loaded, or has another vocabulary.
    """
    if not options.is_on:
        if options.speculate is Speculate.DRAFT:
            log.warning("speculate=draft: expected a draft model (draft=NAME), got none; there are no drafts")
        return None
    if not _can_cut(model, decoder):
        log.info("speculation is off: the memory of this model cannot be cut")
        return None
    slope = GPU_SLOPE if model.on_gpu else CPU_SLOPE
    draft = None
    if options.asks_model and load_draft is not None:
        with ExitStack() as opened:
            loaded = load_draft(options.draft_path)
            opened.callback(loaded.close)
            check_vocabulary(options.draft_path, loaded.vocabulary, model.vocabulary)
            draft = _open_draft(loaded, size, options.draft_tokens, slope, kept_cells, opened)
            if draft is not None:
                resources.push(opened.pop_all())
    sources = ["the text"] * options.looks_up + [Path(options.draft_path).name] * (draft is not None)
    log.info("speculation is on", extra={"drafts_from": ", ".join(sources), "draft_tokens": options.draft_tokens})
    return Speculation(options, cache, size.batch_tokens, slope, draft)


def _open_draft(
    model: TextModel, size: DecoderSize, most: int, slope: float, kept_cells: int | None, opened: ExitStack
) -> DraftModel | None:
    """The draft model, whose decoder is freed with what else was ``opened``; None if it cannot be one."""
    sequences = min(size.sequences, model.max_sequences)
    own = replace(size, cells=size.cells + sequences * most, sequences=sequences)
    decoder = model.open_decoder(own)
    opened.callback(decoder.close)
    if not _can_cut(model, decoder):
        log.warning("draft: expected a model whose memory can be cut, got a recurrent one; there are no drafts")
        return None
    return DraftModel(decoder, own.cells, sequences, size.batch_tokens, most, slope, kept_cells)


def _can_cut(model: TextModel, decoder: BatchDecoder) -> bool:
    """Whether refused drafts can be cut from the memory; not from the state of a recurrent model."""
    return model.can_share_prefixes and decoder.memory.can_cut
