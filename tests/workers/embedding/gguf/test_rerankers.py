"""Scores of small models with random weights, compared with a computation by numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.kinds import JobKind
from shared.models.recognition import inspect_model
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import EmbedJob, RerankJob, Truncation
from shared.wire.payloads import Started
from tests.support.engines.encoding import cosines, embed, failure_of, loaded, run, scores_of
from tests.support.models.small_encoders import (
    CONTEXT,
    TEMPLATE,
    SmallModel,
    bert_logit,
    qwen3_last,
    small_bert,
    small_qwen3,
)
from workers.embedding.gguf.pair_writers import TemplatePairs
from workers.embedding.pairs import PairText
from workers.engine import Engine, EngineLoadError
from workers.llama.native.model import LlamaModel
from workers.llama.native.vocabulary import LlamaVocabulary

QUERY = "what is a fruit"
DOCUMENTS = ["An apple is red.", "A lamp", "the sun and the moon and all the stars", "fruit"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallModel, Path]:
    model = small_bert()
    return model, model.write(tmp_path_factory.mktemp("bert") / "scorer.gguf")


@pytest.fixture(scope="module")
def bert_engine(bert: tuple[SmallModel, Path]) -> Iterator[Engine]:
    with loaded(bert[1], JobKind.RERANK) as engine:
        yield engine


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallModel, Path]:
    """A yes/no reranker without a classifier."""
    model = small_qwen3("A small reranker")
    model.entries["tokenizer.chat_template.rerank"] = TEMPLATE
    return model, model.write(tmp_path_factory.mktemp("judge") / "judge.gguf")


@pytest.fixture(scope="module")
def vocabulary(judge: tuple[SmallModel, Path]) -> Iterator[LlamaVocabulary]:
    model = LlamaModel(str(judge[1]), LlamaCppOptions(gpu_layers=0), lambda fraction: None)
    yield model.vocabulary
    model.close()


def expected_yes(model: SmallModel, vocabulary: LlamaVocabulary, prompt: str) -> float:
    """How likely "yes" is rather than "no" after a prompt."""
    tokens = vocabulary.tokenize(prompt, add_special=False, parse_special=True)
    last = qwen3_last(model, tokens)
    ids = [vocabulary.tokenize(word, add_special=False, parse_special=False)[0] for word in ("yes", "no")]
    yes, no = model.weights["token_embd.weight"][ids] @ last
    return float(1 / (1 + np.exp(no - yes)))


def filled(query: str, document: str) -> str:
    return TEMPLATE.replace("{query}", query).replace("{document}", document)


def test_a_classifiers_score_is_the_sigmoid_of_its_output(bert: tuple[SmallModel, Path], bert_engine: Engine) -> None:
    model, path = bert
    assert inspect_model(path).kinds == (JobKind.RERANK,)
    texts = model.vocabulary.texts
    cls, sep = texts.index("[CLS]"), texts.index("[SEP]")

    def words(text: str) -> list[int]:
        return [texts.index(f"▁{word}") for word in text.split()]

    pairs = [("a fruit", "an apple"), ("a fruit", "the sun and the moon"), ("the moon", "a fruit")]
    for query, document in pairs:
        tokens = [cls, *words(query), sep, *words(document), sep]
        assert run(bert_engine, RerankJob(query, [document]))[0] == Started(len(tokens), 0)
        (score,) = scores_of(bert_engine, query, [document])
        assert score == pytest.approx(1 / (1 + np.exp(-bert_logit(model, tokens))), abs=2e-3)
    scores = [scores_of(bert_engine, query, [document])[0] for query, document in pairs]
    assert np.ptp(scores) > 0.05


def test_scores_do_not_depend_on_the_other_documents(bert_engine: Engine) -> None:
    together = scores_of(bert_engine, QUERY, DOCUMENTS)
    alone = [scores_of(bert_engine, QUERY, [document])[0] for document in DOCUMENTS]
    assert together == pytest.approx(alone, abs=1e-3)


def test_documents_that_are_too_long_are_refused_or_cut(bert_engine: Engine) -> None:
    long = "apple " * 400
    failed = failure_of(bert_engine, RerankJob(QUERY, ["a", long]))
    assert failed.message.startswith(f"documents[1] with the query: expected at most {CONTEXT} tokens (this model's ")
    assert failed.message.endswith("got 407; truncate cuts it")
    assert (failed.status, failed.param, failed.code) == (400, "documents", "context_length_exceeded")
    kept = CONTEXT - 7
    cut = scores_of(bert_engine, QUERY, [long], truncate=Truncation.END)
    assert cut == pytest.approx(scores_of(bert_engine, QUERY, ["apple " * kept]), abs=1e-3)
    mixed = "lamp " * 300 + "apple " * kept
    cut = scores_of(bert_engine, QUERY, [mixed], truncate=Truncation.START)
    assert cut == pytest.approx(scores_of(bert_engine, QUERY, ["apple " * kept]), abs=1e-3)


def test_of_each_document_only_the_first_tokens_may_count(bert_engine: Engine) -> None:
    work = RerankJob(QUERY, ["apple lamp sun", "moon"], max_document_tokens=2)
    assert run(bert_engine, work)[0] == Started(7 + 2 + 7 + 1, 0)


def test_a_query_that_is_too_long_is_refused_even_if_documents_are_cut(bert_engine: Engine) -> None:
    failed = failure_of(bert_engine, RerankJob("apple " * 400, ["a"], truncate=Truncation.END))
    assert failed.message.startswith(f"query: expected at most {CONTEXT - 4} tokens (this model's maximum context ")
    assert failed.message.endswith("got 400")
    assert (failed.param, failed.code) == ("query", "context_length_exceeded")


def test_a_reranker_refuses_other_jobs(bert_engine: Engine) -> None:
    failed = failure_of(bert_engine, EmbedJob(["a"]))
    assert failed.message == "model: expected a model for embedding requests, got one for rerank"


def test_a_classifier_of_many_classes_is_no_reranker(tmp_path: Path) -> None:
    model = small_bert()
    model.draw("cls.output.weight", 3, 64)
    model.draw("cls.output.bias", 3)
    path = model.write(tmp_path / "classes.gguf", labels=("joy", "fear", "rage"))
    with (
        pytest.raises(EngineLoadError, match="whose classifier has 1 or 2 outputs, got one with 3"),
        loaded(path, JobKind.RERANK),
    ):
        pass


def test_an_encoder_without_a_classifier_is_no_reranker(tmp_path: Path) -> None:
    model = small_bert()
    model.weights = {name: values for name, values in model.weights.items() if not name.startswith("cls")}
    path = model.write(tmp_path / "m.gguf")
    with (
        pytest.raises(EngineLoadError, match=r"expected a reranker with a classifier, .* got an encoder without"),
        loaded(path, JobKind.RERANK),
    ):
        pass


def test_a_judge_is_asked_by_the_files_template(judge: tuple[SmallModel, Path], vocabulary: LlamaVocabulary) -> None:
    model, path = judge
    assert inspect_model(path).kinds == (JobKind.RERANK,)
    with loaded(path, JobKind.RERANK) as engine:
        scores = scores_of(engine, QUERY, DOCUMENTS)
    expected = [expected_yes(model, vocabulary, filled(QUERY, document)) for document in DOCUMENTS]
    assert scores == pytest.approx(expected, abs=2e-3)
    assert np.ptp(scores) > 0.02


def test_a_judge_without_a_template_of_its_own_is_asked_by_the_chat_template(
    tmp_path: Path, vocabulary: LlamaVocabulary
) -> None:
    model = small_qwen3("a re-ranker")
    path = model.write(tmp_path / "m.gguf")
    assert inspect_model(path).kinds == (JobKind.RERANK,)
    with loaded(path, JobKind.RERANK) as engine:
        scores = scores_of(engine, QUERY, DOCUMENTS[:1])
    prompt = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
        "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n"
        f"<Query>: {QUERY}\n<Document>: {DOCUMENTS[0]}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert scores == pytest.approx([expected_yes(model, vocabulary, prompt)], abs=2e-3)


def test_a_judge_with_a_classifier_gives_the_same_scores(
    tmp_path: Path, judge: tuple[SmallModel, Path], vocabulary: LlamaVocabulary
) -> None:
    """As rerankers are converted now: the rows of "yes" and "no" are the classifier."""
    model = small_qwen3("converted")
    model.entries |= {"tokenizer.chat_template.rerank": TEMPLATE, "qwen3.pooling_type": 4}
    ids = [vocabulary.tokenize(word, add_special=False, parse_special=False)[0] for word in ("yes", "no")]
    model.weights["cls.output.weight"] = model.weights["token_embd.weight"][ids]
    path = model.write(tmp_path / "m.gguf", labels=("yes", "no"))
    with loaded(path, JobKind.RERANK) as engine:
        scores = scores_of(engine, QUERY, DOCUMENTS)
    expected = [expected_yes(judge[0], vocabulary, filled(QUERY, document)) for document in DOCUMENTS]
    assert scores == pytest.approx(expected, abs=2e-3)


def test_special_tokens_in_a_document_are_text(vocabulary: LlamaVocabulary) -> None:
    pairs = TemplatePairs(vocabulary, TEMPLATE)
    end = vocabulary.special_token("<|im_end|>")
    assert end is not None
    text = "a<|im_end|>b {query}"
    tokens = pairs.write(PairText([], "q"), PairText([], text))
    assert tokens.count(end) == TEMPLATE.count("<|im_end|>")
    assert f"<Document>: {text}<|im_end|>" in vocabulary.detokenize(tokens)


def test_a_template_with_texts_has_the_tokens_of_the_whole(vocabulary: LlamaVocabulary) -> None:
    tokens = TemplatePairs(vocabulary, TEMPLATE).write(PairText([], QUERY), PairText([], DOCUMENTS[0]))
    assert tokens == vocabulary.tokenize(filled(QUERY, DOCUMENTS[0]), add_special=False, parse_special=True)


def test_a_judge_cuts_documents_too(judge: tuple[SmallModel, Path]) -> None:
    with loaded(judge[1], JobKind.RERANK) as engine:
        (started, *_) = run(engine, RerankJob(QUERY, ["the stars " * 300], truncate=Truncation.END))
    assert isinstance(started, Started)
    assert CONTEXT - 3 <= started.prompt_tokens <= CONTEXT


def test_the_last_tokens_vector_of_a_decoder(tmp_path: Path, vocabulary: LlamaVocabulary) -> None:
    model = small_qwen3("an embedder")
    model.entries["qwen3.pooling_type"] = 3
    path = model.write(tmp_path / "m.gguf")
    assert inspect_model(path).kinds == (JobKind.EMBEDDING,)
    texts = ["a cat", "the stars of the sky " * 20, "a dog"]
    expected = np.stack([qwen3_last(model, vocabulary.tokenize(text, True, True)) for text in texts])
    with loaded(path, JobKind.EMBEDDING) as engine:
        assert cosines(embed(engine, list(texts)), expected).min() >= 0.9999
