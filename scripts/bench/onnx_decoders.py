"""Three ways to decode the texts of several users with one graph in ONNX, side by side in one run.

    python -m scripts.bench.onnx_decoders FOLDER [--users 1,8] [--tokens 64] [--rounds 3] [--threads 2]

FOLDER is a text model in onnxruntime-genai's form. ``together`` is this server's way: one run of the graph for all
users. ``generators`` has one generator of onnxruntime-genai for each user, in turn. ``engine`` is onnxruntime-genai's
own engine. Prints tokens per second of all users together: the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnxruntime_genai

from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError
from workers.onnx.session import open_session
from workers.onnx.text.decoding.generators import load_model
from workers.onnx.text.decoding.layout import read_settings
from workers.onnx.text.model import OnnxTextModel, OpenedFolder, batched_model, generator_model
from workers.onnx.text.vocabulary import read_vocabulary
from workers.text.model import BatchDecoder, BatchSlice, DecoderSize

CONTEXT_TOKENS = 1024

Decode = Callable[[list[list[int]], int], float]
"""Continues prompts by so many tokens each; returns the seconds that it takes after the prompts."""


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.onnx_decoders", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", default="1,8")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    users = [int(word) for word in options.users.split(",")]
    try:
        ways, tokenize = _ways(options.folder, max(users), options.threads)
    except EngineLoadError as error:
        sys.exit(f"onnx_decoders: {error}")
    for count in users:
        prompts = [tokenize(f"Tell me a story about the number {number}. Once") for number in range(count)]
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, decode in ways.items():
                speeds[name].append(count * options.tokens / decode(prompts, options.tokens))
        for name, measured in speeds.items():
            print(f"{count:3} users  {name:<10} {statistics.median(measured):7.1f} tokens/s")
    return 0


def _ways(folder: Path, users: int, threads: int) -> tuple[dict[str, Decode], Callable[[str], list[int]]]:
    settings, vocabulary = read_settings(folder), read_vocabulary(str(folder))
    session = open_session(settings.graph, OnnxProvider.CPU, threads)
    opened = OpenedFolder(folder, settings, vocabulary, OnnxProvider.CPU, users)
    together = batched_model(opened, session)
    generators = generator_model(opened, threads)
    engine = onnxruntime_genai.Engine(load_model(folder, OnnxProvider.CPU, threads))
    size = DecoderSize(users * CONTEXT_TOKENS, users, CONTEXT_TOKENS, 256, threads)
    ways: dict[str, Decode] = {
        "together": partial(_by_decoder, _opened(together, size)),
        "generators": partial(_by_decoder, _opened(generators, size)),
        "engine": partial(_by_engine, engine),
    }
    return ways, partial(vocabulary.tokenize, add_special=False, parse_special=False)


def _opened(model: OnnxTextModel, size: DecoderSize) -> BatchDecoder:
    return model.open_decoder(size)


def _by_decoder(decoder: BatchDecoder, prompts: list[list[int]], count: int) -> float:
    texts = [list(prompt) for prompt in prompts]
    for number, tokens in enumerate(texts):
        tokens.append(int(decoder.decode([BatchSlice(number, 0, list(tokens), 1)])[0].argmax()))
    began_at_s = time.perf_counter()
    for _ in range(count):
        logits = decoder.decode(
            [BatchSlice(number, len(tokens) - 1, tokens[-1:], 1) for number, tokens in enumerate(texts)]
        )
        for tokens, row in zip(texts, logits, strict=True):
            tokens.append(int(row.argmax()))
    duration_s = time.perf_counter() - began_at_s
    for number in range(len(texts)):
        decoder.memory.remove(number)
    return duration_s


def _by_engine(engine: onnxruntime_genai.Engine, prompts: list[list[int]], count: int) -> float:
    """The engine begins prompts by itself: the clock starts when each of them has its first token."""
    buffer = engine.create_event_buffer(64)
    requests = []
    for prompt in prompts:
        request = engine.create_request()
        turn = onnxruntime_genai.TurnOptions(request)
        turn.set_max_generated_tokens(count + 1)
        turn.set_min_generated_tokens(count + 1)
        request.begin_turn(prompt, turn)
        requests.append(request)
    began_at_s, tokens = time.perf_counter(), 0
    while engine.has_pending_requests():
        for event in engine.run(buffer) or []:
            tokens += bool(event.flags & onnxruntime_genai.EngineEventFlags.TOKEN)
            if tokens == len(prompts):
                began_at_s = time.perf_counter()
    for request in requests:
        request.close()
    return time.perf_counter() - began_at_s


if __name__ == "__main__":
    sys.exit(main())
