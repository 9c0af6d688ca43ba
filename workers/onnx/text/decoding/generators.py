"""Decodes by onnxruntime-genai: a generator for each sequence, one after the other.

It runs what :mod:`workers.onnx.text.decoding.batched` cannot: graphs with other states than keys and values, pipelines
of graphs, and providers with memory of their own. Nothing is computed together, so more users are no faster than one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime_genai
from numpy.typing import NDArray

from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError
from workers.onnx.session import check_provider
from workers.onnx.text.decoding.trial import try_decoder
from workers.onnx.text.decoding.trust import check_trusted
from workers.text.model import BatchSlice, DecoderSize

ERROR, FATAL = 3, 4
"""The least severity of what the library logs. On a CPU, its errors are raised with the same words."""

_PROVIDERS = {
    OnnxProvider.CUDA: "cuda",
    OnnxProvider.TENSORRT: "NvTensorRtRtx",
    OnnxProvider.DIRECTML: "dml",
    OnnxProvider.OPENVINO: "OpenVINO",
}

_CUDA_PACKAGE = "onnxruntime-genai-cuda"


def load_model(folder: Path, provider: OnnxProvider, threads: int) -> onnxruntime_genai.Model:
    """Load a folder with onnxruntime-genai.

    Raises:
        EngineLoadError: it cannot, has not this provider, or the folder's settings are not to be trusted.
    """
    check_trusted(folder)
    check_provider(provider)
    severity = FATAL if provider is OnnxProvider.CPU else ERROR
    session = {"intra_op_num_threads": threads, "session.intra_op.allow_spinning": "0", "log_severity_level": severity}
    try:
        config = onnxruntime_genai.Config(str(folder))
        config.clear_providers()
        if provider is not OnnxProvider.CPU:
            config.append_provider(_PROVIDERS[provider])
        config.overlay(json.dumps({"model": {"decoder": {"session_options": session}}}))
        return onnxruntime_genai.Model(config)
    except Exception as error:  # the library's errors have no common class
        reason = _first_line(error)
        if provider.needs_cuda:
            reason += f"; if its package lacks {provider}, {_CUDA_PACKAGE} has it"
        raise EngineLoadError(f"{folder.name}: onnxruntime-genai cannot open it: {reason}") from None


class GeneratorMemory:
    """The generators by sequence. They share nothing, so only :meth:`remove` and :meth:`cut` have a meaning."""

    shares_cells = True
    can_cut = True

    def __init__(self) -> None:
        self.generators: dict[int, onnxruntime_genai.Generator] = {}

    def remove(self, sequence: int) -> None:
        """End a sequence's generator."""
        self.generators.pop(sequence, None)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        """Forget the tokens from position ``begin`` on."""
        if begin < end and sequence in self.generators:
            self.generators[sequence].rewind_to(begin)

    def state_bytes(self, _sequence: int) -> int:
        """A generator's state cannot be saved."""
        return 0

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Not possible."""
        raise RuntimeError(f"expected no shared prefixes, got one of {length} tokens, of {source} for {target}")

    def save(self, sequence: int) -> NDArray[np.uint8]:
        """Not possible."""
        raise RuntimeError(f"expected nothing to save, got sequence {sequence}")

    def load(self, _sequence: int, _state: NDArray[np.uint8]) -> bool:
        """Not possible."""
        return False


class GeneratorDecoder:
    """Generators of one model, each with room for a whole context."""

    def __init__(self, model: onnxruntime_genai.Model, vocabulary_size: int, size: DecoderSize) -> None:
        self._model = model
        self._vocabulary_size = vocabulary_size
        self._context_tokens = size.context_tokens
        self.memory = GeneratorMemory()
        try_decoder(self, vocabulary_size, sequences=1, context_tokens=1)

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        """Compute a batch; see :class:`workers.text.model.BatchDecoder`."""
        rows = [row for part in slices for row in self._decode_part(part)]
        return np.concatenate(rows) if rows else np.empty((0, self._vocabulary_size), np.float32)

    def close(self) -> None:
        """End all generators."""
        self.memory.generators.clear()

    def _decode_part(self, part: BatchSlice) -> list[NDArray[np.float32]]:
        """The logits of the last tokens, each of shape ``(1, vocabulary)``. Only those of a last one are known."""
        generator = self._generator(part.cache_id)
        first = len(part.tokens) - max(part.outputs - 1, 0)
        rows = []
        begin = 0
        for end in range(first, len(part.tokens) + 1):
            generator.append_tokens(np.array(part.tokens[begin:end], np.int32))
            begin = end
            if part.outputs:
                logits = np.array(generator.get_logits(), np.float32)
                rows.append(logits.reshape(-1, logits.shape[-1])[-1:])
        return rows

    def _generator(self, sequence: int) -> onnxruntime_genai.Generator:
        generator = self.memory.generators.get(sequence)
        if generator is None:
            params = onnxruntime_genai.GeneratorParams(self._model)
            params.set_search_options(max_length=self._context_tokens, batch_size=1)
            generator = self.memory.generators[sequence] = onnxruntime_genai.Generator(self._model, params)
        return generator


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
