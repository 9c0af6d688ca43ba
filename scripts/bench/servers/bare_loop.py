"""The upper limit of workload b16: its prompts in a bare loop around the model, without scheduler, wire and server.

    python -m scripts.bench.servers.bare_loop --model FILE --threads N --context N --slots N --seed 1

Prints a cell in the format of the client process. The prompts are those of the servers, with the same chat template.
Their common prefix is computed once and shared, as servers do with a prefix cache. Each step holds one token of every
sequence that generates, then prompt tokens up to the batch size. Sampling is greedy, and the end of text is ignored.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from dataclasses import dataclass, field

from scripts.bench.measurements.figures import cell_of
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.workloads.catalog import STORY_TOKENS
from scripts.bench.workloads.prompts import Prompts, user
from workers.chat.template_source import find_template
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.text.model import BatchSlice, DecoderSize
from workers.text.template_chat import chat_of

USERS = 16


@dataclass(slots=True)
class Stream:
    """A sequence: its tokens, how many of them are in the KV cache, and when each generated token came."""

    cache_id: int
    tokens: list[int]
    computed: int = 0
    token_at_s: list[float] = field(default_factory=list)

    @property
    def pending(self) -> int:
        """The number of tokens that are not computed yet."""
        return len(self.tokens) - self.computed


def prompts_of(model: LlamaModel, seed: str) -> list[list[int]]:
    """The tokenized prompts of the workload."""
    vocabulary = model.vocabulary
    bos = vocabulary.bos_text
    source = find_template("", model.template(), vocabulary.is_special)
    chat = chat_of(vocabulary, source.text)
    prompts = Prompts(f"b{USERS} {seed}")
    rendered = [chat.prompt([user(prompts.story())], []).pieces for _ in range(USERS)]
    adds_bos = vocabulary.adds_bos and not rendered[0][0].startswith(bos)
    return [vocabulary.tokenize_pieces(pieces, add_special=adds_bos) for pieces in rendered]


def share_prefix(context: LlamaContext, streams: list[Stream]) -> None:
    """Compute the common prefix of all prompts once, and copy it to every sequence."""
    first, *others = streams
    columns = zip(*(stream.tokens[:-1] for stream in streams), strict=False)
    length = sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, columns))
    if not length:
        return
    context.decode([BatchSlice(first.cache_id, 0, first.tokens[:length], 0)])
    for stream in others:
        context.memory.copy_prefix(first.cache_id, stream.cache_id, length)
    for stream in streams:
        stream.computed = length


def next_step(streams: list[Stream], batch_tokens: int) -> list[tuple[Stream, int]]:
    """The streams of the next step with their numbers of tokens: first those that generate, then prompts in order."""
    slices = []
    unfinished = [stream for stream in streams if len(stream.token_at_s) < STORY_TOKENS]
    for stream in sorted(unfinished, key=lambda stream: not stream.token_at_s):
        length = min(stream.pending, batch_tokens)
        if length:
            slices.append((stream, length))
            batch_tokens -= length
    return slices


def step(context: LlamaContext, slices: list[tuple[Stream, int]]) -> None:
    """Compute a step, and append the next token to each stream without pending tokens."""
    batch = [
        BatchSlice(
            stream.cache_id, stream.computed, stream.tokens[stream.computed :][:length], int(length == stream.pending)
        )
        for stream, length in slices
    ]
    wanted = [stream for stream, length in slices if length == stream.pending]
    logits = context.decode(batch)
    for stream, length in slices:
        stream.computed += length
    likeliest = logits.argmax(axis=1).tolist()
    now_s = time.monotonic()
    for stream, token in zip(wanted, likeliest, strict=True):
        stream.tokens.append(token)
        stream.token_at_s.append(now_s)


def measure(context: LlamaContext, prompts: list[list[int]], batch_tokens: int) -> dict[str, object]:
    """Run all prompts together; returns the cell."""
    streams = [Stream(cache_id, list(tokens)) for cache_id, tokens in enumerate(prompts)]
    share_prefix(context, streams)
    shared = streams[0].computed
    began_at_s = time.monotonic()
    decoding_tokens, decoding_s = 0, 0.0
    while slices := next_step(streams, batch_tokens):
        step_began_at_s = time.monotonic()
        step(context, slices)
        if sum(length for _, length in slices) == len(streams):
            decoding_tokens += len(streams)
            decoding_s += time.monotonic() - step_began_at_s
    for stream in streams:
        context.memory.remove(stream.cache_id)
    cell = cell_of([_outcome(stream, began_at_s, shared) for stream in streams], began_at_s)
    cell.decode_tokens_per_s = decoding_tokens / decoding_s
    return cell.as_dict()


def _outcome(stream: Stream, began_at_s: float, shared: int) -> Outcome:
    return Outcome(
        sent_at_s=began_at_s,
        arrived_at_s=stream.token_at_s,
        ended_at_s=stream.token_at_s[-1],
        tokens=len(stream.token_at_s),
        prompt_tokens=len(stream.tokens) - len(stream.token_at_s),
        cached_tokens=shared,
        counted_by="loop",
    )


def main(words: list[str] | None = None) -> int:
    """Load the model, warm up with other prompts, measure and print."""
    parser = argparse.ArgumentParser(description="Workload b16 in a bare loop around the engine's model.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="context of one request in tokens")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--seed", default="1")
    given = parser.parse_args(words)
    options = LlamaOptions(given.model, given.threads, max(given.slots, USERS), given.context)
    model = LlamaModel(options.path, options.native, lambda fraction: None)
    context_tokens = options.context_for(model.trained_tokens)
    sizes = (options.cells_for(context_tokens), options.slots, context_tokens, options.batch_tokens, options.threads)
    context = model.open_decoder(DecoderSize(*sizes))
    measure(context, [tokens[:8] for tokens in prompts_of(model, "warm-up")], options.batch_tokens)
    print(json.dumps({f"b{USERS}": measure(context, prompts_of(model, given.seed), options.batch_tokens)}))
    context.close()
    model.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
