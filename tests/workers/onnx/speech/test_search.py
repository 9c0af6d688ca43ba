"""The search for texts: a made-up model whose next token depends on all tokens before."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from workers.onnx.speech.rules import Logits, Rules
from workers.onnx.speech.search import BeamSearch, ChunkSearch, TextSampling, search

END, VOCABULARY = 3, 4
MAX_TOKENS = 4


class FreeRules(Rules):
    """Everything may come next."""

    def log_probabilities(self, logits: Logits, generated: list[list[int]]) -> Logits:
        assert len(logits) == len(generated)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)), np.float32)


NOTHING = np.zeros(0, np.int64)
RULES = FreeRules(NOTHING, NOTHING, END, VOCABULARY)


class MadeUpModel:
    """Rows of a model; what it says depends on the row's recording and tokens."""

    def __init__(self, recordings: list[int]) -> None:
        self.rows: list[tuple[int, ...]] = [(recording,) for recording in recordings]
        self.sizes: list[int] = []

    def take(self, rows: list[int]) -> None:
        self.rows = [self.rows[row] for row in rows]

    def reorder(self, rows: list[int]) -> None:
        assert len(rows) == len(self.rows)
        assert all(self.rows[row][0] == here[0] for row, here in zip(rows, self.rows, strict=True))
        self.take(rows)

    def advance(self, tokens: NDArray[np.int64]) -> Logits:
        self.rows = [(*row, int(token)) for row, token in zip(self.rows, tokens, strict=True)]
        self.sizes.append(len(self.rows))
        return self.logits()

    def logits(self) -> Logits:
        return np.stack([logits_after(row) for row in self.rows])


def logits_after(row: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(row).normal(0, 2, VOCABULARY).astype(np.float32)


def log_probability(recording: int, tokens: tuple[int, ...]) -> float:
    total = 0.0
    for count, token in enumerate(tokens):
        logits = logits_after((recording, *tokens[:count]))
        total += float(logits[token] - np.log(np.exp(logits).sum()))
    return total


def texts_of(recordings: list[int], beams: int) -> tuple[list[list[int]], MadeUpModel]:
    model = MadeUpModel(recordings)
    chunks: list[ChunkSearch] = [BeamSearch(beams, END, MAX_TOKENS) for _ in recordings]
    search(chunks, model.logits(), RULES, model, model.advance)
    return [chunk.best.tokens for chunk in chunks], model


def greedy(recording: int) -> list[int]:
    tokens: list[int] = []
    while len(tokens) < MAX_TOKENS:
        token = int(logits_after((recording, *tokens)).argmax())
        if token == END:
            break
        tokens.append(token)
    return tokens


def test_one_beam_takes_the_most_probable_token_each_time() -> None:
    for recording in range(30):
        assert texts_of([recording], 1)[0] == [greedy(recording)]


def test_many_beams_find_the_best_text() -> None:
    all_texts = [(*text, END) for length in range(MAX_TOKENS) for text in product(range(END), repeat=length)] + list(
        product(range(END), repeat=MAX_TOKENS)
    )
    found = 0
    for recording in range(20):
        scores = {text: log_probability(recording, text) / max(1, len(text) - (END in text)) for text in all_texts}
        best = max(scores, key=lambda text: scores[text])
        found += texts_of([recording], 40)[0][0] == [token for token in best if token != END]
    assert found == 20


def test_the_score_includes_the_end() -> None:
    model = MadeUpModel([5])
    chunk = BeamSearch(3, END, MAX_TOKENS)
    search([chunk], model.logits(), RULES, model, model.advance)
    tokens = chunk.best.tokens
    ended = (*tokens, END) if len(tokens) < MAX_TOKENS else tuple(tokens)
    assert np.isclose(chunk.best.score, log_probability(5, ended), atol=1e-4)


def test_recordings_in_one_batch_get_the_same_texts_as_alone() -> None:
    recordings = list(range(12))
    together, model = texts_of(recordings, 3)
    assert together == [texts_of([recording], 3)[0][0] for recording in recordings]
    assert model.sizes[0] > model.sizes[-1]
    assert all(size % 3 == 0 for size in model.sizes)


def test_a_text_ends_at_the_longest_length() -> None:
    assert max(len(text) for text in texts_of(list(range(12)), 2)[0]) == MAX_TOKENS


def test_texts_are_sampled_as_often_as_they_are_probable() -> None:
    random = np.random.default_rng(1)
    for temperature in (0.5, 1.0):
        first = np.zeros(VOCABULARY)
        for _ in range(400):
            sampling = TextSampling(1, END, 1, temperature, random)
            known = RULES.log_probabilities(logits_after((9,))[None], [[]])
            sampling.step(known)
            assert sampling.done
            first[sampling.best.tokens[0] if sampling.best.tokens else END] += 1 / 400
        shares = np.exp(logits_after((9,)) / temperature)
        assert np.abs(first - shares / shares.sum()).max() < 0.08


def test_the_most_probable_of_several_sampled_texts_is_the_best() -> None:
    model = MadeUpModel([4, 6])
    chunks = [TextSampling(5, END, MAX_TOKENS, 1.0, np.random.default_rng(0)) for _ in range(2)]
    search(list(chunks), model.logits(), RULES, model, model.advance)
    for recording, chunk in zip((4, 6), chunks, strict=True):
        ranks = []
        for tokens in chunk.generated:
            ended = (*tokens, END) if len(tokens) < MAX_TOKENS else tuple(tokens)
            ranks.append(log_probability(recording, ended) / max(1, len(tokens)))
        assert np.isclose(chunk.best.rank, max(ranks), atol=1e-4)
        assert len({tuple(tokens) for tokens in chunk.generated}) > 1
