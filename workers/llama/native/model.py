"""The weights of a GGUF model, loaded by llama.cpp."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import TypeVar

import llama_cpp

from shared.memory.cells import MAX_ENDED_STATES, has_windows, window_cells
from shared.models.adapters import AdapterFile
from shared.settings.placement import LlamaCppOptions
from workers.chat.template_source import TemplateSource
from workers.engine import EngineLoadError
from workers.llama.native.adapters import LlamaAdapters
from workers.llama.native.backends import device_of, gpu_names, load_backends
from workers.llama.native.cache_params import context_params, trained_for
from workers.llama.native.context import LlamaContext, is_recurrent, max_sequences
from workers.llama.native.identity import identity_of
from workers.llama.native.loaded import ContextSizes, tell_loaded
from workers.llama.native.log import capture_native_log, held_back, lacks_memory, with_last_error
from workers.llama.native.repacking import Use, choose
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.llama.native.weights import WeightParams
from workers.main_memory import main_memory
from workers.text.model import DecoderSize

USUAL = Use()

C = TypeVar("C", bound=LlamaContext)


class LlamaModel:
    """Weights, vocabulary and metadata of one file.

    ``report`` is called with the fraction loaded, 0 to 1. ``reasons`` say why sizes and options are as they are, where
    nobody asked for them; the line that tells what was loaded ends with them. Contexts may use its ``adapters``.
    ``use`` is what it is loaded for.

    Raises:
        EngineLoadError: llama.cpp cannot read a file, the architecture is not supported, or there are fewer GPUs.
    """

    def __init__(
        self,
        path: str,
        options: LlamaCppOptions,
        report: Callable[[float], None],
        reasons: Sequence[str] = (),
        adapters: Sequence[AdapterFile] = (),
        use: Use = USUAL,
    ) -> None:
        capture_native_log()
        load_backends()
        llama_cpp.llama_backend_init()
        has_gpu = llama_cpp.llama_supports_gpu_offload()
        self.on_gpu = has_gpu and options.gpu_layers != 0
        self.repacking = choose(path, options, use, self.on_gpu, main_memory().free_bytes)
        params = WeightParams(options, has_gpu, self.repacking.is_on)
        self.path = path
        self.options = options
        self.reasons = reasons
        names = gpu_names() if self.on_gpu else []
        if options.gpus > max(1, len(names)):
            found = (
                f"at most {len(names)}, as many as llama.cpp finds" if names else "none, as llama.cpp finds no GPU here"
            )
            raise EngineLoadError(f"gpus: expected {found}, got {options.gpus}")
        self.device = device_of(names) if self.on_gpu else "cpu"
        self.native, self.messages = _load(path, params, report)
        self.adapters = LlamaAdapters(self.native, adapters)
        self.vocabulary = LlamaVocabulary(llama_cpp.llama_model_get_vocab(self.native))
        self.trained_tokens = trained_for(options, int(llama_cpp.llama_model_n_ctx_train(self.native)))

    @property
    def max_sequences(self) -> int:
        """How many sequences one context can hold."""
        return max_sequences()

    @property
    def can_share_prefixes(self) -> bool:
        """All can."""
        return True

    def needs_checkpoints(self, cells: int, slots: int) -> bool:
        """Whether layers are recurrent, or have only the cells of their sliding window."""
        return is_recurrent(self.native) or self._has_windows(cells, slots + MAX_ENDED_STATES)

    def _is_windowed(self, size: DecoderSize) -> bool:
        return size.has_ends and self._has_windows(size.cells, size.sequences)

    def _has_windows(self, cells: int, sequences: int) -> bool:
        window = int(llama_cpp.llama_model_n_swa(self.native))
        return has_windows(self.options.swa_full, window, cells, sequences)

    def template(self) -> TemplateSource | None:
        """The chat template in the file's metadata, if it has one."""
        return template_of(self.native)

    def open_decoder(self, size: DecoderSize) -> LlamaContext:
        """A context of its own.

        Raises:
            EngineLoadError: not enough memory, or options that this model cannot have.
        """
        return self._opened(LlamaContext, size)

    def _opened(self, kind: type[C], size: DecoderSize, whole_tokens: int = 0) -> C:
        """The same, of a kind, which computes ``whole_tokens`` at once."""
        sizes = (size.cells, size.sequences, size.batch_tokens, size.threads)
        windowed = self._is_windowed(size)
        context = kind(self.native, self.vocabulary, *sizes, self.options, self.adapters, windowed, whole_tokens)
        told = ContextSizes(
            size.context_tokens, size.cells, size.batch_tokens, context.ubatch_tokens, self._swa(size, windowed)
        )
        self.tell(context.messages, told)
        return context

    def identity(self, size: DecoderSize) -> bytes:
        """What the states of sequences depend on; see :class:`workers.text.model.LastingModel`.

        Raises:
            OSError: a file cannot be read.
        """
        params = context_params(self.options, self._is_windowed(size))
        gpu_layers = self.options.gpu_layers if self.on_gpu else 0
        return identity_of(self.path, self.adapters.files, params, self.native, size.cells, gpu_layers)

    def _swa(self, size: DecoderSize, windowed: bool) -> str:
        """What layers with a sliding window keep, and why."""
        window = int(llama_cpp.llama_model_n_swa(self.native))
        if not window:
            return ""
        few = window_cells(window, size.sequences)
        why = "as asked" if self.options.swa_full != "auto" else f"windows of {window} tokens take {few} cells"
        return f"{'windows' if windowed else 'full'}: {why}"

    def tell(self, context: Sequence[str], sizes: ContextSizes) -> None:
        """Log how the model and a context of it were loaded; ``context`` is what llama.cpp logged about the latter."""
        tell_loaded(self.messages, context, self.options, sizes, self.reasons, str(self.repacking))

    def close(self) -> None:
        """Free the weights."""
        llama_cpp.llama_model_free(self.native)


def template_of(native: int) -> TemplateSource | None:
    """The chat template in the metadata of a model, and its other one for chats with tools if there is one."""
    plain, with_tools = (llama_cpp.llama_model_chat_template(native, name) for name in (None, b"tool_use"))
    if not plain and not with_tools:
        return None
    texts = [text.decode("utf-8", "replace") if text else "" for text in (plain, with_tools)]
    return TemplateSource(texts[0] or texts[1], texts[1] if texts[0] else "")


NO_MEMORY = "not enough memory for the model; use a smaller one, fewer --workers or, on a GPU, fewer --gpu-layers"


def _load(path: str, params: WeightParams, report: Callable[[float], None]) -> tuple[int, list[str]]:
    """The model, and what llama.cpp logged meanwhile."""

    def on_progress(fraction: float, _: ctypes.c_void_p) -> bool:
        report(float(fraction))
        return True

    params.native.progress_callback = llama_cpp.llama_progress_callback(on_progress)
    with held_back() as messages:
        model = llama_cpp.llama_model_load_from_file(path.encode(), params.native)
        if not model:
            raise EngineLoadError(with_last_error(NO_MEMORY if lacks_memory() else "llama.cpp cannot read the file"))
    if llama_cpp.llama_model_has_encoder(model) or not llama_cpp.llama_model_has_decoder(model):
        raise EngineLoadError("expected a decoder-only text model, got one with an encoder or without a decoder")
    return int(model), messages
