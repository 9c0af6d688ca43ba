"""Text models in ONNX: folders of onnxruntime-genai and of the hub, opened as what the text engine needs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnxruntime

from shared.engines.onnx.providers import OnnxProvider
from workers.chat.template_source import TemplateSource
from workers.engine import EngineLoadError
from workers.onnx.session import open_session
from workers.onnx.text.chat_template import read_template
from workers.onnx.text.decoding.appending import AppendingDecoder
from workers.onnx.text.decoding.batched import TENSORS, BatchedDecoder, can_batch
from workers.onnx.text.decoding.generators import GeneratorDecoder, load_model
from workers.onnx.text.decoding.hub_layout import has_grouped_attention, read_hub_settings
from workers.onnx.text.decoding.layout import DecoderSettings, read_settings
from workers.onnx.text.folder_files import model_folder
from workers.onnx.text.vocabulary import FolderVocabulary, read_vocabulary
from workers.text.model import BatchDecoder, DecoderSize

log = logging.getLogger("nexa.text")

TURNS = "%s: its graph cannot compute several requests at once: they take turns"

READ_SHARE = 0.1
"""Of the time to load: reading the vocabulary."""

MORE_SEQUENCES = 4
"""Ended sequences that may keep their rows until others need them. Main memory has the rest."""


@dataclass(frozen=True, slots=True)
class OpenedFolder:
    """A model's folder as it was read, with what computes it, for up to ``slots`` texts at once."""

    folder: Path
    settings: DecoderSettings
    vocabulary: FolderVocabulary
    provider: OnnxProvider
    slots: int


class OnnxTextModel:
    """A loaded model. ``open_decoder`` and the other properties are those of :class:`workers.text.model.TextModel`."""

    def __init__(
        self,
        opened: OpenedFolder,
        trained_tokens: int,
        max_sequences: int,
        can_share_prefixes: bool,
        open_decoder: Callable[[DecoderSize], BatchDecoder],
    ) -> None:
        self._folder = opened.folder
        self.vocabulary = opened.vocabulary
        self.trained_tokens = trained_tokens
        self.max_sequences = max_sequences
        self.can_share_prefixes = can_share_prefixes
        self.on_gpu = opened.provider is not OnnxProvider.CPU
        self.device = None if self.on_gpu else "cpu"
        self._open_decoder: Callable[[DecoderSize], BatchDecoder] | None = open_decoder

    def needs_checkpoints(self, _cells: int, _slots: int) -> bool:
        """No: its memories can be cut."""
        return False

    def template(self) -> TemplateSource | None:
        """The chat template in the folder, if it has one."""
        return read_template(self._folder)

    def open_decoder(self, size: DecoderSize) -> BatchDecoder:
        """Make a decoder.

        Raises:
            EngineLoadError: not enough memory.
        """
        assert self._open_decoder is not None
        return self._open_decoder(size)

    def close(self) -> None:
        """Free the weights, once no decoder uses them."""
        self._open_decoder = None


def open_model(
    path: str, provider: OnnxProvider, threads: int, slots: int, report: Callable[[float], None]
) -> OnnxTextModel:
    """Load the model in the folder ``path`` of onnxruntime-genai, or the graph ``path`` in a folder as the hub has it.

    Many sequences are computed at once if the graph can do that, else one after the other.

    Raises:
        EngineLoadError: the folder cannot be read, or its parts do not belong together.
    """
    folder = model_folder(path)
    vocabulary = read_vocabulary(path)
    report(READ_SHARE)
    model = _open_genai if Path(path).is_dir() else partial(_open_graph, Path(path))
    opened = model(folder, vocabulary, provider, threads, slots)
    report(1.0)
    return opened


def _open_genai(
    folder: Path, vocabulary: FolderVocabulary, provider: OnnxProvider, threads: int, slots: int
) -> OnnxTextModel:
    """Open a folder of onnxruntime-genai."""
    settings = read_settings(folder)
    opened = OpenedFolder(folder, settings, vocabulary, provider, slots)
    if settings.is_plain and settings.shares_buffer and provider in TENSORS:
        session = open_session(settings.graph, provider, threads)
        if can_batch(settings, session, provider) and has_grouped_attention(settings.graph):
            return batched_model(opened, session)
        del session
    log.warning(TURNS, folder.name)
    return generator_model(opened, threads)


def _open_graph(
    graph: Path, folder: Path, vocabulary: FolderVocabulary, provider: OnnxProvider, threads: int, slots: int
) -> OnnxTextModel:
    """Open a graph of a folder in the hub's layout."""
    session = open_session(graph, provider, threads)
    settings = read_hub_settings(folder, graph, session)
    opened = OpenedFolder(folder, settings, vocabulary, provider, slots)
    if can_batch(settings, session, provider):
        return batched_model(opened, session)
    log.warning(TURNS, folder.name)
    return appending_model(opened, session)


def batched_model(opened: OpenedFolder, session: onnxruntime.InferenceSession) -> OnnxTextModel:
    """A model whose sequences are computed together.

    Raises:
        EngineLoadError: graph and vocabulary do not belong together.
    """
    _check_width(opened, session)
    settings, provider = opened.settings, opened.provider

    def open_decoder(size: DecoderSize) -> BatchedDecoder:
        if settings.trained_tokens < min(settings.context_tokens, size.context_tokens):  # would damage shorter texts
            problem = f"--nctx: expected at most {settings.trained_tokens}, as models of type {settings.type} compute"
            raise EngineLoadError(f"{problem} longer texts in another way, got {size.context_tokens}")
        return BatchedDecoder(session, settings.names, settings.head_size, opened.vocabulary.size, size, provider)

    in_main_memory = provider is OnnxProvider.CPU
    most = opened.slots + (MORE_SEQUENCES if in_main_memory else 0)
    return OnnxTextModel(opened, settings.trained_tokens, most, in_main_memory, open_decoder)


def generator_model(opened: OpenedFolder, threads: int) -> OnnxTextModel:
    """A model whose sequences are computed one after the other, by onnxruntime-genai.

    Raises:
        EngineLoadError: the library cannot open it.
    """
    model = load_model(opened.folder, opened.provider, threads)

    def open_decoder(size: DecoderSize) -> GeneratorDecoder:
        return GeneratorDecoder(model, opened.vocabulary.size, size)

    return OnnxTextModel(opened, opened.settings.context_tokens, opened.slots, False, open_decoder)


def appending_model(opened: OpenedFolder, session: onnxruntime.InferenceSession) -> OnnxTextModel:
    """A model whose sequences are computed one after the other, with the keys and values that its graph returns.

    Raises:
        EngineLoadError: graph and vocabulary do not belong together.
    """
    _check_width(opened, session)

    def open_decoder(_size: DecoderSize) -> AppendingDecoder:
        return AppendingDecoder(session, opened.settings, opened.vocabulary.size, opened.provider)

    return OnnxTextModel(opened, opened.settings.trained_tokens, opened.slots + MORE_SEQUENCES, True, open_decoder)


def _check_width(opened: OpenedFolder, session: onnxruntime.InferenceSession) -> None:
    """Check that a graph has the logits of a vocabulary."""
    (logits,) = [one for one in session.get_outputs() if one.name == opened.settings.names.logits]
    width = logits.shape[-1]
    if isinstance(width, int) and width != opened.vocabulary.size:
        got = opened.vocabulary.size
        raise EngineLoadError(f"{opened.folder.name}: expected {width} tokens, as the graph has, got {got}")
