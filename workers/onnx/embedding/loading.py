"""Loads an encoder: its folder, its graph, and what both say of its vectors or scores."""

from __future__ import annotations

import logging
from collections.abc import Callable

from shared.engines.embedding import Pooling
from shared.kinds import JobKind
from shared.settings import ModelSettings
from workers.embedding.encoder import Encoder
from workers.embedding.engine import LoadedEncoder
from workers.embedding.inputs import InputMaker, TextInputs
from workers.embedding.pairs import PairInputs, PairText
from workers.embedding.results import ResultWriter, ScoreWriter, VectorWriter, relevant_output
from workers.engine import EngineLoadError
from workers.onnx.embedding.computer import GraphComputer
from workers.onnx.embedding.folder import EncoderFolder
from workers.onnx.embedding.graph import LOGITS, SENTENCES, TOKENS, EncoderGraph
from workers.onnx.embedding.pairs import TemplatedPairs
from workers.onnx.embedding.tokenizer import FolderTokenizer
from workers.onnx.session import CPU, open_session

BATCH_TOKENS = 512
"""Tokens of a batch of several inputs on a CPU."""

GPU_BATCH_TOKENS = 8192

log = logging.getLogger("nexa.embedding")


def load_encoder(model: ModelSettings, threads: int, report: Callable[[float], None]) -> LoadedEncoder:
    """Load a model.

    Raises:
        EngineLoadError: a file is missing or damaged, or the graph is none of the expected ones.
    """
    folder = EncoderFolder.of(model)
    tokenizer = FolderTokenizer(folder.root, folder.size, folder.lowercases)
    report(0.1)
    session = open_session(folder.graph, model.onnx_provider, threads)
    report(0.9)
    on_gpu = session.get_providers()[0] != CPU
    pack_tokens = GPU_BATCH_TOKENS if on_gpu else BATCH_TOKENS
    batch_tokens = max(folder.limit, pack_tokens)
    maker: InputMaker
    writer: ResultWriter
    try:
        if folder.kind is JobKind.RERANK:
            pairs = TemplatedPairs(tokenizer.pair_template())
            graph = EncoderGraph(session, pack_tokens, pairs.types)
            text = PairText(tokenizer.tokenize_plain("a"))
            computer = _computer(graph, folder, pairs.write(text, text), batch_tokens)
            maker = PairInputs(tokenizer.tokenize_plain, pairs, folder.limit)
            writer = ScoreWriter(relevant_output(computer.width, folder.labels))
        else:
            before, after = tokenizer.around
            sample = [*before, *tokenizer.tokenize("a"), *after]
            computer = _computer(EncoderGraph(session, pack_tokens), folder, sample, batch_tokens)
            maker, writer = TextInputs(tokenizer, folder.limit, computer.width), VectorWriter()
    except EngineLoadError as error:
        raise EngineLoadError(f"{folder.graph}: {error}") from None
    return LoadedEncoder(Encoder(maker, computer, writer, pack_tokens), folder.limit, None if on_gpu else "cpu")


def _computer(graph: EncoderGraph, folder: EncoderFolder, sample: list[int], batch_tokens: int) -> GraphComputer:
    """The computer over the output that counts, which an input shows.

    Raises:
        EngineLoadError: no output is of the expected form.
    """
    ranks, widths = _shapes(graph, sample)
    if folder.kind is JobKind.RERANK:
        output = _first(LOGITS, ranks, 2)
        if output is None:
            raise EngineLoadError(f"expected a graph with the output logits, got {_told(ranks)}")
        return GraphComputer(graph, output, None, widths[output], batch_tokens)
    whole, tokens = _first(SENTENCES, ranks, 2), _first(TOKENS, ranks, 3)
    if whole is not None and not (folder.pooling_is_asked and tokens is not None):
        if folder.pooling_is_asked:
            raise EngineLoadError(f"pooling: expected none for a graph that only gives {whole}, got {folder.pooling}")
        return GraphComputer(graph, whole, None, widths[whole], batch_tokens)
    if tokens is None:
        raise EngineLoadError(f"expected a graph with the output {TOKENS[0]} or {SENTENCES[0]}, got {_told(ranks)}")
    if folder.further_modules and not folder.pooling_is_asked:
        further = " and ".join(folder.further_modules)
        raise EngineLoadError(
            f"expected a graph with the output {SENTENCES[0]}, since modules.json has {further} after the pooling, "
            f"got {_told(ranks)}"
        )
    return GraphComputer(graph, tokens, _pooling(folder), widths[tokens], batch_tokens)


def _pooling(folder: EncoderFolder) -> Pooling:
    if folder.pooling is not None:
        return folder.pooling
    usual = Pooling.LAST if folder.is_causal else Pooling.MEAN
    log.warning("no file of the model says how it pools; --pooling does", extra={"pooling": str(usual)})
    return usual


def _shapes(graph: EncoderGraph, sample: list[int]) -> tuple[dict[str, int], dict[str, int]]:
    """Number of dimensions and last dimension of each output."""
    try:
        values, _ = graph.run([sample], graph.outputs)
    except Exception as error:  # onnxruntime's own errors have no common class
        raise EngineLoadError(f"cannot be computed: {' '.join(str(error).split())[:300]}") from None
    found = dict(zip(graph.outputs, values, strict=True))
    return {name: value.ndim for name, value in found.items()}, {
        name: value.shape[-1] for name, value in found.items() if value.ndim
    }


def _first(names: tuple[str, ...], ranks: dict[str, int], rank: int) -> str | None:
    """The output of one of these names with so many dimensions, or else the only one that has them."""
    known = [name for name in names if ranks.get(name) == rank]
    others = [name for name, found in ranks.items() if found == rank]
    return known[0] if known else others[0] if len(others) == len(ranks) == 1 else None


def _told(ranks: dict[str, int]) -> str:
    return ", ".join(ranks)
