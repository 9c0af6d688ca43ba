"""What drawing a token costs by the size of the vocabulary: here, and with llama.cpp's chain over all tokens.

    python -m scripts.bench.sampling [--vocabulary 49152,151936,262144] [--rounds 5]

Rows of logits are random: "confident" ones as of a chat model, and "flat" ones, of which a nucleus holds thousands.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import llama_cpp
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from scripts.bench.speed_page.measured import write_table
from shared.wire.jobs import Sampling
from workers.text.sampling.chain import draw_chain, has_xtc, new_chain, temperature_sampler
from workers.text.sampling.logprobs import Logprobs, log_softmax
from workers.text.sampling.mirostat import ESTIMATED_TOKENS
from workers.text.sampling.sampler import Sampler
from workers.text.sampling.seeds import draw_seed

SETTINGS = {
    "top-k 50": Sampling(top_k=50),
    "top-p 0.95": Sampling(top_k=0, top_p=0.95),
    "temperature 1": Sampling(top_k=0),
    "temperature 0.7": Sampling(top_k=0, temperature=0.7),
    "min-p 0.05": Sampling(top_k=0, min_p=0.05),
    "top-p 0.95, repeat penalty": Sampling(top_k=0, top_p=0.95, repeat_penalty=1.1),
    "typical-p 0.95": Sampling(top_k=0, typical_p=0.95),
    "top-n-sigma 1": Sampling(top_k=0, top_n_sigma=1.0),
    "min-p 0.05, XTC": Sampling(top_k=0, min_p=0.05, xtc_probability=0.5),
    "XTC alone": Sampling(top_k=0, xtc_probability=0.5),
    "top-p 0.95, dynamic temperature": Sampling(top_k=0, top_p=0.95, dynatemp_range=0.5),
    "dynamic temperature": Sampling(top_k=0, dynatemp_range=0.5),
    "Mirostat 1": Sampling(mirostat=1),
    "Mirostat 2": Sampling(mirostat=2),
    "top-p 0.95, presence penalty, bias": Sampling(top_k=0, top_p=0.95, presence_penalty=0.5, logit_bias={5: 2.0}),
}
LISTED = 20
LOGPROBS = f"{LISTED} log probabilities"
NOTE = (
    "Rows of random logits with some that lead, and flat ones, where thousands of tokens may be drawn. llama.cpp's"
    " chain goes over all tokens, here without the penalties. Log probabilities are compared with a sort of all."
)
SPREADS = {"confident": 4.0, "flat": 0.5}
ROWS = 24
ANSWER_TOKENS = 400
"""So many tokens have been accepted before, for the penalties."""


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.sampling", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--vocabulary", default="49152,151936,262144", help="sizes, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("milliseconds a token: ours / llama.cpp over the whole vocabulary; medians of rounds")
    sizes = [int(word) for word in options.vocabulary.split(",")]
    columns = [(size, "confident") for size in sizes] + [(sizes[-1], "flat")]
    table = [["ms a token: ours / llama.cpp", *(f"{size:,} tokens, {kind}" for size, kind in columns)]]
    table += [[name] for name in (*SETTINGS, LOGPROBS)]
    for size, kind in columns:
        rows = rows_of(size, SPREADS[kind])
        for place, name in enumerate((*SETTINGS, LOGPROBS), 1):
            ours, theirs = zip(*(_timed(name, rows) for _ in range(options.rounds)), strict=True)
            print(f"{size:>7} {kind:<9} {name:<36} {_median(ours)} / {_median(theirs)}", flush=True)
            table[place].append(f"{statistics.median(ours):.2f} / {statistics.median(theirs):.2f}")
    write_table("sampling", table, NOTE, "python -m scripts.bench.sampling")
    return 0


def _timed(name: str, rows: list[NDArray[np.float32]]) -> tuple[float, float]:
    """Milliseconds a token, ours and theirs."""
    if name == LOGPROBS:
        return _ms(_most_likely, rows), _ms(_all_sorted, rows)
    return _round(replace(SETTINGS[name], seed=1), rows)


def _most_likely(row: NDArray[np.float32]) -> int:
    logprobs = Logprobs(row)
    tokens = logprobs.most_likely(LISTED)
    return int(sum(logprobs.of(token) for token in tokens))


def _all_sorted(row: NDArray[np.float32]) -> int:
    logprobs = log_softmax(row)
    return int(logprobs[np.argsort(-logprobs)[:LISTED]].sum())


def rows_of(size: int, spread: float) -> list[NDArray[np.float32]]:
    """Random rows of logits, of which one token leads if they are not flat."""
    random = np.random.default_rng(size)
    rows = [random.normal(0, min(spread, 2.0), size).astype(np.float32) for _ in range(ROWS)]
    for row in rows:
        likely = random.integers(0, size, 40)
        row[likely] += random.exponential(spread, 40).astype(np.float32) * 4.0
    return rows if spread > 1.0 else [random.normal(0, spread, size).astype(np.float32) for _ in range(ROWS)]


def _round(sampling: Sampling, rows: list[NDArray[np.float32]]) -> tuple[float, float]:
    size = len(rows[0])
    sampler = Sampler(sampling, size)
    for token in range(ANSWER_TOKENS):
        sampler.accept(token * 7 % size)
    ours = _ms(sampler.sample, rows)
    sampler.close()
    whole = WholeRows(sampling, size)
    theirs = _ms(whole.sample, rows)
    whole.close()
    return ours, theirs


class WholeRows:
    """llama.cpp's samplers over all tokens, without penalties."""

    def __init__(self, sampling: Sampling, size: int) -> None:
        self._chain, self._draws = whole_chain(sampling, size), not sampling.mirostat
        self._drawn = 0
        self._memory = np.empty(size, np.dtype(llama_cpp.llama_token_data))
        self._pointer = self._memory.ctypes.data_as(llama_cpp.llama_token_data_p)
        self._ids = np.arange(size)

    def sample(self, row: NDArray[np.float32]) -> int:
        """Draw from a row."""
        self._memory["id"], self._memory["logit"] = self._ids, row
        array = llama_cpp.llama_token_data_array(self._pointer, len(row), -1, False)
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(array))
        if self._draws:
            draw = llama_cpp.llama_sampler_init_dist(draw_seed(1, self._drawn))
            llama_cpp.llama_sampler_apply(draw, ctypes.byref(array))
            llama_cpp.llama_sampler_free(draw)
        self._drawn += 1
        return int(array.data[array.selected].id)

    def close(self) -> None:
        """Free the chain."""
        llama_cpp.llama_sampler_free(self._chain)


def whole_chain(sampling: Sampling, size: int) -> Any:
    """All of llama.cpp's samplers after the penalties, but the draw, which Mirostat makes itself."""
    tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
    temperature = temperature_sampler(sampling)
    if sampling.mirostat == 1:
        return new_chain([temperature, llama_cpp.llama_sampler_init_mirostat(size, 1, tau, eta, ESTIMATED_TOKENS)])
    if sampling.mirostat == 2:
        return new_chain([temperature, llama_cpp.llama_sampler_init_mirostat_v2(1, tau, eta)])
    sigma = llama_cpp.llama_sampler_init_top_n_sigma(sampling.top_n_sigma)
    if not has_xtc(sampling):
        llama_cpp.llama_sampler_free(temperature)
        return new_chain([sigma, draw_chain(sampling)])
    xtc = llama_cpp.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 1, 1)
    return new_chain([sigma, draw_chain(sampling), xtc, temperature])


def _ms(sample: Callable[[NDArray[np.float32]], int], rows: list[NDArray[np.float32]]) -> float:
    copies = [row.copy() for row in rows]
    began_at_s = time.perf_counter()
    for row in copies:
        sample(row)
    return (time.perf_counter() - began_at_s) / len(rows) * 1000


def _median(values: tuple[float, ...]) -> str:
    return f"{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
