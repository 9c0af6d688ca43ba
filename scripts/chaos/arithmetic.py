"""Measure how far the shape of a batch alone changes a model's probabilities, with the engine's model but no server.

    python -m scripts.chaos.arithmetic               the embedded model
    python -m scripts.chaos.arithmetic --model FILE

The greedy texts of the chaos test are generated alone, then computed again, with the same tokens, in batches of other
shapes: with all prompts in one batch, and as a prefill of everything generated, as after a failover. The script prints
how far the log-probabilities of close candidates move relative to the chosen token, and how many texts with one token
lost or repeated would be mistaken for such a difference.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from scripts.chaos.expected import NEAR_TIE, ReferenceText, greedy_requests, margin_at_difference
from shared.hub.store import ModelStore
from shared.models.resolution import resolve
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.text.model import BatchSlice
from workers.text.sampling.logprobs import log_softmax

CANDIDATES = 5
CLOSE = 1.5
"""Candidates within this log-probability of the best one are compared."""

Rows = list[NDArray[np.float64]]
"""For each prompt, the log-probabilities at each generated token, shape ``(tokens, vocabulary)``."""


class ModelTexts:
    """Greedy continuations, each generated alone, with the log-probabilities of their tokens."""

    def __init__(self, model: LlamaModel, context: LlamaContext) -> None:
        self._model = model
        self._context = context
        requests = greedy_requests()
        self.prompts = [model.vocabulary.tokenize(prompt, True, False) for prompt, _ in requests]
        self.lengths = [count for _, count in requests]
        self.generated: list[list[int]] = []
        self.rows: Rows = []
        for prompt, count in zip(self.prompts, self.lengths, strict=True):
            self._generate(prompt, count)

    def together(self) -> Rows:
        """The log-probabilities with all prompts in one batch and all texts generated together."""
        found: list[list[NDArray[np.float64]]] = [[] for _ in self.prompts]
        self._clear()
        slices = [BatchSlice(index, 0, prompt, 1) for index, prompt in enumerate(self.prompts)]
        for step in range(max(self.lengths)):
            for part, logits in zip(slices, self._context.decode(slices), strict=True):
                found[part.cache_id].append(log_softmax(logits))
            slices = [
                BatchSlice(index, len(self.prompts[index]) + step, [tokens[step]], 1)
                for index, tokens in enumerate(self.generated)
                if step + 1 < len(tokens)
            ]
        return [np.array(rows) for rows in found]

    def taken_over(self) -> Rows:
        """The log-probabilities if each token follows a prefill of everything before it."""
        return [
            np.array([self._after([*prompt, *tokens[:step]]) for step in range(len(tokens))])
            for prompt, tokens in zip(self.prompts, self.generated, strict=True)
        ]

    def references(self) -> Iterator[ReferenceText]:
        """Each text as the chaos test records it before any fault."""
        for tokens, rows in zip(self.generated, self.rows, strict=True):
            texts = [self._text(token) for token in tokens]
            best = [np.argsort(row)[-CANDIDATES:] for row in rows]
            candidates = [
                {self._text(int(token)): float(row[token]) for token in few}
                for few, row in zip(best, rows, strict=True)
            ]
            yield ReferenceText("".join(texts), texts, candidates)

    def _generate(self, prompt: list[int], count: int) -> None:
        tokens: list[int] = []
        rows = [self._after(prompt)]
        while True:
            tokens.append(int(rows[-1].argmax()))
            if len(tokens) == count:
                break
            start = len(prompt) + len(tokens) - 1
            rows.append(log_softmax(self._context.decode([BatchSlice(0, start, tokens[-1:], 1)])[0]))
        self.generated.append(tokens)
        self.rows.append(np.array(rows))

    def _after(self, tokens: list[int]) -> NDArray[np.float64]:
        self._clear()
        return log_softmax(self._context.decode([BatchSlice(0, 0, tokens, 1)])[0])

    def _clear(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context.native), True)

    def _text(self, token: int) -> str:
        return self._model.vocabulary.piece(token, special=True).decode("utf-8", "replace")


def moved(before: Rows, after: Rows) -> NDArray[np.float64]:
    """How far each close candidate has moved towards the chosen token (positive) or away from it."""
    found = []
    for one, other in zip(before, after, strict=True):
        for was, now in zip(one, other, strict=True):
            taken, *close = np.argsort(was)[: -CANDIDATES - 1 : -1]
            found += [
                (was[taken] - was[token]) - (now[taken] - now[token])
                for token in close
                if was[taken] - was[token] < CLOSE
            ]
    return np.array(found, np.float64)


def mistaken(texts: list[ReferenceText]) -> tuple[int, int]:
    """How many texts with one token lost or repeated would be accepted, and how many there are."""
    passed = count = 0
    for reference in texts:
        for at in range(len(reference.tokens)):
            for times in (0, 2):
                text = "".join(
                    [*reference.tokens[:at], *reference.tokens[at : at + 1] * times, *reference.tokens[at + 1 :]]
                )
                if text != reference.text:
                    count += 1
                    passed += margin_at_difference(reference, text) <= NEAR_TIE
    return passed, count


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2", help="a GGUF file, or a name of `nexa list` (default smollm2)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    path = str(resolve(options.model, ModelStore()).path)
    slots = len(greedy_requests())
    settings = LlamaOptions(path, options.threads, slots, context_tokens=1024)
    model = LlamaModel(path, settings.native, lambda done: None)
    context = LlamaContext(
        model.native, model.vocabulary, settings.cells_for(1024), slots, settings.batch_tokens, options.threads
    )
    texts = ModelTexts(model, context)
    for name, rows in (("all prompts in one batch", texts.together()), ("failover at each token", texts.taken_over())):
        distances = np.abs(moved(texts.rows, rows))
        spread, largest = np.sqrt(np.mean(distances**2)), distances.max()
        print(f"{name:26} {len(distances)} close candidates: standard deviation {spread:.3f}, maximum {largest:.2f}")
    passed, count = mistaken(list(texts.references()))
    print(f"of {count} texts with one token lost or repeated, {passed} would be accepted (margin up to {NEAR_TIE:g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
