"""The options of text engines, from a model's settings."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from shared.memory.cells import MAX_DEFAULT_CONTEXT_TOKENS, cells_for
from shared.models.adapters import AdapterFile, adapters_of
from shared.settings import ModelSettings
from shared.settings.text.speculation import Speculate
from shared.wire.jobs import ReasoningEffort, ReasoningFormat
from workers.engine import EngineLoadError
from workers.text.chats import ReasoningOptions
from workers.text.speculation.options import SpeculationOptions

log = logging.getLogger("nexa.text")


@dataclass(frozen=True, slots=True)
class TextOptions:
    """One model's options.

    ``context_tokens`` 0 means the context that the model was trained with, at most
    :data:`~shared.memory.cells.MAX_DEFAULT_CONTEXT_TOKENS`; -1 means all of it.
    ``kv_tokens`` is the size of the shared KV cache; 0 means one full context or 512 tokens per slot, whichever is
    more. ``cache_bytes`` bounds the ended conversations in main memory. ``compile_time_s`` and ``compile_memory_bytes``
    bound the CPU time and memory for rendering a chat, and for compiling a grammar or schema. ``share_prefixes`` is a
    value of :data:`shared.settings.model.SHARING`. ``reasoning`` has the defaults of thoughts. ``adapters`` are those
    that jobs may choose. ``speculation`` says whether next tokens are drafted, and by what.

    ``kept_tokens`` bounds the ended conversations in the KV cache of a CPU, where each token slows down every step;
    copying them back costs less. ``gpu_kept_tokens`` is the same on a GPU; None for no bound. On a CPU, with
    ``separate_from_tokens`` or more tokens in the KV cache, streams and prompts are computed in separate batches; None
    for never.
    """

    path: str
    threads: int
    slots: int
    context_tokens: int = 0
    kv_tokens: int = 0
    chat_template: str = ""
    batch_tokens: int = 512
    target_step_s: float = 0.45
    cache_bytes: int = 1000 * 1000 * 1000
    share_prefixes: str = "all"
    kept_tokens: int = 1024
    gpu_kept_tokens: int | None = None
    separate_from_tokens: int | None = 512
    compile_time_s: float = 10.0
    compile_memory_bytes: int = 256 * 1000 * 1000
    reasoning: ReasoningOptions = field(default_factory=ReasoningOptions)
    adapters: tuple[AdapterFile, ...] = ()
    speculation: SpeculationOptions = field(default_factory=SpeculationOptions)

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> TextOptions:
        """The options of one model. ``threads`` is a worker's share of the cores."""
        return cls(
            path=model.path,
            threads=threads,
            slots=model.slots,
            context_tokens=model.context_tokens,
            kv_tokens=model.kv_tokens,
            # A long context that nobody asked for is room for a long request, not for more chats that have ended.
            gpu_kept_tokens=cells_for(MAX_DEFAULT_CONTEXT_TOKENS, model.slots) if model.fitted else None,
            cache_bytes=model.cache_bytes,
            share_prefixes=model.share_prefixes,
            chat_template=model.chat_template,
            compile_time_s=model.compile_time_s,
            compile_memory_bytes=model.compile_memory_bytes,
            reasoning=ReasoningOptions(
                effort=ReasoningEffort(model.reasoning_effort) if model.reasoning_effort else None,
                format=ReasoningFormat(model.reasoning_format),
                budget_tokens=model.thinking_budget_tokens,
            ),
            adapters=adapters_of(model.adapters),
            speculation=SpeculationOptions(Speculate(model.speculate), model.draft, model.draft_tokens),
        )

    def context_for(self, trained_tokens: int) -> int:
        """The context window of a model trained with ``trained_tokens``, in tokens.

        Raises:
            EngineLoadError: neither the options nor the model have one.
        """
        if self.context_tokens > 0:
            if self.context_tokens > trained_tokens > 0:
                message = "--nctx: expected at most %s, as the model was trained, got %s; long texts may come out badly"
                log.warning(message, trained_tokens, self.context_tokens)
            return self.context_tokens
        if trained_tokens < 1:
            message = f"--nctx is required: expected a context_length of at least 1 in the file, got {trained_tokens}"
            raise EngineLoadError(message)
        return trained_tokens if self.context_tokens < 0 else min(trained_tokens, MAX_DEFAULT_CONTEXT_TOKENS)

    def cells_for(self, context_tokens: int) -> int:
        """The size of the KV cache, in tokens."""
        return cells_for(context_tokens, self.slots, self.kv_tokens)
