"""What repacked weights gain and lose on this CPU: a model loaded with and without them, in a bare loop, alternating.

    python -m scripts.bench.repacking MODEL.gguf [--types Q4_0,Q4_K_M] [--rounds 3]

With ``--types``, the model is first quantized to each of them, into the temporary folder. Prints tokens per second of
prompts and of several streams, and the ratio of repacked to plain weights with the smallest and largest of all rounds.
The table is kept for docs/speed.md.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from scripts.bench.measurements.spread import spread
from scripts.bench.speed_page.measured import write_table
from shared.settings.placement import LlamaCppOptions
from workers.llama.native.context import LlamaContext
from workers.llama.native.log import capture_native_log
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice

PROMPTS = (64, 256)
STREAMS = (1, 4, 16)
STREAM_CONTEXT = 32
HEADING = ["model", "work", "plain, tokens/s", "repacked", "ratio"]
NOTE = "The same model with `repack=off` and `on`, alternating in one process; medians, and the range of the ratios."
LEAST_STEPS = 4
STREAM_TOKENS = 16
"""A measurement of streams generates about so many tokens, in at least ``LEAST_STEPS`` steps."""


class LoadedPair:
    """One model, plain and repacked."""

    def __init__(self, path: Path, threads: int) -> None:
        self.load_s: dict[str, float] = {}
        self._contexts: dict[str, LlamaContext] = {}
        self._models: list[LlamaModel] = []
        for repack in ("off", "on"):
            began_s = time.perf_counter()
            model = LlamaModel(str(path), LlamaCppOptions(repack=repack), lambda done: None)
            self.load_s[repack] = time.perf_counter() - began_s
            self._models.append(model)
            self._contexts[repack] = LlamaContext(model.native, model.vocabulary, 4096, 16, max(PROMPTS), threads)
        self._random = np.random.default_rng(0)
        self._vocabulary = self._models[0].vocabulary.size

    def rate(self, repack: str, prompt: int, streams: int) -> float:
        """Tokens per second of a prompt, or of so many streams if there is none."""
        context = self._contexts[repack]
        if prompt:
            began_s = time.perf_counter()
            context.decode([self._slice(0, 0, prompt)])
            rate = prompt / (time.perf_counter() - began_s)
            context.memory.remove(0)
            return rate
        for stream in range(streams):
            context.decode([self._slice(stream, 0, STREAM_CONTEXT)])
        steps = max(LEAST_STEPS, STREAM_TOKENS // streams)
        began_s = time.perf_counter()
        for step in range(steps):
            context.decode([self._slice(stream, STREAM_CONTEXT + step, 1) for stream in range(streams)])
        rate = steps * streams / (time.perf_counter() - began_s)
        for stream in range(streams):
            context.memory.remove(stream)
        return rate

    def close(self) -> None:
        for context in self._contexts.values():
            context.close()
        for model in self._models:
            model.close()

    def _slice(self, sequence: int, start: int, length: int) -> BatchSlice:
        tokens = [int(token) for token in self._random.integers(self._vocabulary // 2, self._vocabulary, length)]
        return BatchSlice(sequence, start, tokens, 1)


def measure(path: Path, rounds: int, threads: int) -> list[list[str]]:
    """A row for each kind of work; prints them too."""
    pair = LoadedPair(path, threads)
    works = [*((prompt, 0) for prompt in PROMPTS), *((0, streams) for streams in STREAMS)]
    rates: dict[tuple[int, int, str], list[float]] = {}
    for number in range(rounds + 1):
        for prompt, streams in works:
            for repack in ("off", "on"):
                rate = pair.rate(repack, prompt, streams)
                if number:  # the first round warms up
                    rates.setdefault((prompt, streams, repack), []).append(rate)
    loads = pair.load_s
    pair.close()
    print(f"{path.name}: loaded in {loads['off']:.2f} s plain, {loads['on']:.2f} s repacked")
    return [_row(path, *work, rates[*work, "off"], rates[*work, "on"]) for work in works]


def _row(path: Path, prompt: int, streams: int, plain: list[float], repacked: list[float]) -> list[str]:
    ratios = [on / off for off, on in zip(plain, repacked, strict=True)]
    row = [
        path.stem,
        f"prompt of {prompt}" if prompt else f"{streams} streams",
        f"{statistics.median(plain):.1f}",
        f"{statistics.median(repacked):.1f}",
        spread(ratios),
    ]
    print(*(f"{value:<14}" for value in row), flush=True)
    return row


def quantized(source: Path, kind: str, folder: Path) -> Path:
    """The model quantized to ``kind``, as in ``Q4_K_M``.

    Raises:
        ValueError: llama.cpp knows no such type, or cannot quantize the file.
    """
    import llama_cpp  # only now: the package of workers sets how its threads wait

    capture_native_log()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}", -1)
    params.allow_requantize = True
    out = folder / f"{source.stem}-{kind}.gguf"
    if params.ftype < 0 or llama_cpp.llama_model_quantize(
        str(source).encode(), str(out).encode(), ctypes.byref(params)
    ):
        raise ValueError(f"--types: expected one that {source.name} can be quantized to, got {kind}")
    return out


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.repacking", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.gguf")
    parser.add_argument("--types", default="", help="quantize to these, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    table = [HEADING]
    with tempfile.TemporaryDirectory(prefix="nexa-repacking-") as folder:
        for model in options.models:
            kinds = options.types.split(",") if options.types else [""]
            for kind in kinds:
                path = quantized(model, kind, Path(folder)) if kind else model
                table += measure(path, options.rounds, options.threads)
    write_table("repacking", table, NOTE, "python -m scripts.bench.repacking MODEL.gguf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
