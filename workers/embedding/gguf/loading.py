"""Makes the encoder of a loaded model: what its inputs look like, and what computes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import llama_cpp

from shared.engines.embedding import Pooling
from shared.kinds import JobKind
from shared.wire.jobs import TextJob
from shared.wire.payloads import JobError
from workers.embedding.encoder import Encoder
from workers.embedding.engine import LoadedEncoder
from workers.embedding.gguf.contexts import PooledContext, YesNoContext
from workers.embedding.gguf.long_texts import LongTexts
from workers.embedding.gguf.options import BATCH_TOKENS, GPU_BATCH_TOKENS, EmbeddingOptions
from workers.embedding.gguf.pair_writers import DOCUMENT, QUERY, ClassifierPairs, TemplatePairs, rerank_template
from workers.embedding.inputs import InputMaker, TextInputs
from workers.embedding.pairs import PairInputs
from workers.embedding.results import ResultWriter, ScoreWriter, VectorWriter, relevant_output
from workers.engine import EngineLoadError
from workers.llama.engine import VOCABULARY
from workers.llama.native.loaded import ContextSizes
from workers.llama.native.model import LlamaModel
from workers.llama.native.repacking import Use
from workers.text.chat_loading import load_chats
from workers.text.chats import ReasoningOptions
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.sandbox import LimitExceeded, Sandbox

_SOFTMAX_INSIDE = ("qwen3", "qwen3vl")
"""Architectures whose classifier's outputs llama.cpp turns into likelihoods."""

_SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
_USER = (
    "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n"
    f"<Query>: {QUERY}\n<Document>: {DOCUMENT}"
)
"""What Qwen3-Reranker was trained with."""


def load_encoder(options: EmbeddingOptions, report: Callable[[float], None]) -> LoadedEncoder:
    """Load a model that gives only vectors or scores.

    Raises:
        EngineLoadError: it cannot be loaded.
    """
    model = LlamaModel(options.path, options.native, report, use=Use(answers=False))
    try:
        encoder, limit = make_encoder(model, options)
    except BaseException:
        model.close()
        raise
    return LoadedEncoder(encoder, limit, model.device, model.close)


def make_encoder(model: LlamaModel, options: EmbeddingOptions) -> tuple[Encoder, int]:
    """The encoder of a model, and the longest input in tokens.

    Raises:
        EngineLoadError: not enough memory, or the model is none of the expected ones.
    """
    limit = options.context_for(model.trained_tokens)
    bare = partial(model.vocabulary.tokenize, add_special=False, parse_special=False)
    pack_tokens = options.native.batch_size or (GPU_BATCH_TOKENS if model.on_gpu else BATCH_TOKENS)
    batch_tokens = max(limit, pack_tokens)
    physical_tokens = batch_tokens if options.needs_whole_inputs else pack_tokens
    maker: InputMaker
    computer: PooledContext | YesNoContext
    writer: ResultWriter
    if options.kind is JobKind.EMBEDDING:
        computer = PooledContext(model, options.pooling, batch_tokens, physical_tokens, options.threads)
        maker, writer = TextInputs(LongTexts(model.vocabulary), limit, computer.dimensions), VectorWriter()
    elif options.has_classifier:
        writer = _classifier(model)
        template = rerank_template(model.native)
        pairs = TemplatePairs(model.vocabulary, template) if template else ClassifierPairs(model.vocabulary)
        computer = PooledContext(model, Pooling.RANK, batch_tokens, physical_tokens, options.threads)
        maker = PairInputs(bare, pairs, limit)
    elif not options.is_causal:
        message = (
            "expected a reranker with a classifier, or one that writes yes or no, got an encoder without a classifier"
        )
        raise EngineLoadError(message)
    else:
        template = rerank_template(model.native) or _chat_with_places(model, options)
        computer = YesNoContext(model, batch_tokens, pack_tokens, options.threads)
        pairs = TemplatePairs(model.vocabulary, template)
        maker, writer = PairInputs(bare, pairs, limit), ScoreWriter(is_likelihood=True)
    model.tell(computer.messages, ContextSizes(limit, batch_tokens, pack_tokens, computer.ubatch_tokens))
    return Encoder(maker, computer, writer, pack_tokens), limit


def _classifier(model: LlamaModel) -> ScoreWriter:
    outputs = int(llama_cpp.llama_model_n_cls_out(model.native))
    architecture = _metadata(model, b"general.architecture")
    labels = [_label(model, index) for index in range(outputs)]
    return ScoreWriter(relevant_output(outputs, labels), is_likelihood=outputs > 1 and architecture in _SOFTMAX_INSIDE)


def _label(model: LlamaModel, index: int) -> str:
    label = llama_cpp.llama_model_cls_label(model.native, index)
    return label.decode("utf-8", "replace") if label else ""


def _metadata(model: LlamaModel, key: bytes) -> str:
    import ctypes

    buffer = ctypes.create_string_buffer(256)
    llama_cpp.llama_model_meta_val_str(model.native, key, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace")


def _chat_with_places(model: LlamaModel, options: EmbeddingOptions) -> str:
    """The prompt of a judge by the model's chat template, which is rendered once, in a sandbox, since it is untrusted.

    Raises:
        EngineLoadError: the template is wrong, refuses the messages, or takes too much.
    """
    sandbox = Sandbox(options.path, VOCABULARY)
    try:
        sandbox.open()
        attempt = PreparationAttempt(Limits(options.compile_time_s, options.compile_memory_bytes))
        chats = load_chats(options.chat_template, model, sandbox, attempt, ReasoningOptions())
        messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]
        job = TextJob(messages=messages, template_options={"enable_thinking": False})
        text = sandbox.render(chats.rendering(job), attempt).text
    except (JobError, LimitExceeded) as error:
        raise EngineLoadError(f"chat template: expected one that a reranker can use, got an error: {error}") from None
    finally:
        sandbox.close()
    bos = model.vocabulary.bos_text
    return bos + text if model.vocabulary.adds_bos and bos and not text.startswith(bos) else text
