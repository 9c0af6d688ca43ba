"""How far the shapes of batches alone move a model's probabilities: the engine's model without any server.

    python -m scripts.chaos.arithmetic               of the embedded model
    python -m scripts.chaos.arithmetic --model FILE

The greedy texts of the chaos test are generated alone, then computed again along the same tokens in batches of other
shapes: with prompts that are filled together, and by a prefill of all that was generated, as after a failover. Told is
how much likelier or less likely than before each close candidate becomes beside the token that was taken. The second
figure is how many texts that had lost or repeated one token would pass for such a difference.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from scripts.chaos.expected import NEAR_TIE, Calm, greedy_requests, margin_at_difference
from shared.hub.store import ModelStore
from shared.models.resolution import resolve
from workers.llama.native.batch import BatchSlice
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.llama.sampling.logprobs import log_softmax

CANDIDATES = 5
CLOSE = 1.5
"""Candidates whose log-probability is no further from the best one's are compared."""

Rows = list[NDArray[np.float64]]
"""Log-probabilities at each generated token, shape ``(tokens, vocabulary)``, for each prompt."""


class Texts:
    """Greedy continuations, each generated alone, and their tokens' log-probabilities."""

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
        """All prompts filled in one batch, and all texts grown side by side."""
        found: list[list[NDArray[np.float64]]] = [[] for _ in self.prompts]
        self._clear()
        pieces = [BatchSlice(index, 0, prompt, True) for index, prompt in enumerate(self.prompts)]
        for step in range(max(self.lengths)):
            for piece, logits in zip(pieces, self._context.decode(pieces), strict=True):
                found[piece.cache_id].append(log_softmax(logits))
            pieces = [
                BatchSlice(index, len(self.prompts[index]) + step, [tokens[step]], True)
                for index, tokens in enumerate(self.generated)
                if step + 1 < len(tokens)
            ]
        return [np.array(rows) for rows in found]

    def taken_over(self) -> Rows:
        """At each token, a prefill of all that comes before it."""
        return [
            np.array([self._after([*prompt, *tokens[:step]]) for step in range(len(tokens))])
            for prompt, tokens in zip(self.prompts, self.generated, strict=True)
        ]

    def calm(self) -> Iterator[Calm]:
        """Each text as the chaos test knows it from a calm run."""
        for tokens, rows in zip(self.generated, self.rows, strict=True):
            pieces = [self._piece(token) for token in tokens]
            best = [np.argsort(row)[-CANDIDATES:] for row in rows]
            candidates = [
                {self._piece(int(token)): float(row[token]) for token in few}
                for few, row in zip(best, rows, strict=True)
            ]
            yield Calm("".join(pieces), pieces, candidates)

    def _generate(self, prompt: list[int], count: int) -> None:
        tokens: list[int] = []
        rows = [self._after(prompt)]
        while True:
            tokens.append(int(rows[-1].argmax()))
            if len(tokens) == count:
                break
            start = len(prompt) + len(tokens) - 1
            rows.append(log_softmax(self._context.decode([BatchSlice(0, start, tokens[-1:], True)])[0]))
        self.generated.append(tokens)
        self.rows.append(np.array(rows))

    def _after(self, tokens: list[int]) -> NDArray[np.float64]:
        self._clear()
        return log_softmax(self._context.decode([BatchSlice(0, 0, tokens, True)])[0])

    def _clear(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context.native), True)

    def _piece(self, token: int) -> str:
        return self._model.vocabulary.piece(token, special=True).decode("utf-8", "replace")


def moved(before: Rows, after: Rows) -> NDArray[np.float64]:
    """How far each close candidate has moved towards the token that was taken, or away from it."""
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


def mistaken(texts: list[Calm]) -> tuple[int, int]:
    """How many texts with one token lost or repeated would pass as arithmetic, and how many there are."""
    passed = count = 0
    for calm in texts:
        for at in range(len(calm.tokens)):
            for times in (0, 2):
                text = "".join([*calm.tokens[:at], *calm.tokens[at : at + 1] * times, *calm.tokens[at + 1 :]])
                if text != calm.text:
                    count += 1
                    passed += margin_at_difference(calm, text) <= NEAR_TIE
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
    model = LlamaModel(path, settings.gpu_layers, lambda done: None)
    context = LlamaContext(model, settings.cells_for(1024), slots, settings.batch_tokens, options.threads)
    texts = Texts(model, context)
    for name, rows in (("prompts filled together", texts.together()), ("taken over at each token", texts.taken_over())):
        by = np.abs(moved(texts.rows, rows))
        spread, most = np.sqrt(np.mean(by**2)), by.max()
        print(f"{name:26} {len(by)} close candidates moved by {spread:.3f} (standard deviation), at most by {most:.2f}")
    passed, count = mistaken(list(texts.calm()))
    print(f"of {count} texts with one token lost or repeated, {passed} differ by no more than {NEAR_TIE:g} at first")
    return 0


if __name__ == "__main__":
    sys.exit(main())
