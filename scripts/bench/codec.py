"""The cost of packing and unpacking messages: ``python -m scripts.bench.codec``.

Prints microseconds per call, the best of several rounds, for the messages of every token and for a submitted chat.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

from shared.wire.codec import Decoder, Struct, encode
from shared.wire.jobs import Constraint, ConstraintKind, Sampling, TextJob, Work
from shared.wire.messages import BUS_MESSAGES, ROUTER_MESSAGES, Event, Step, Submit
from shared.wire.payloads import Tokens

EVENT_COUNTS = (1, 16, 64)
ROUNDS = 15
ROUND_S = 0.05


def step(events: int) -> Step:
    """A decode step with one token for each of ``events`` streams."""
    return Step(
        "smollm2/0.1a2b3c4d", [Event(f"6f1c{n:012x}.1", 117, Tokens(" word", [1000 + n])) for n in range(events)]
    )


def chat() -> TextJob:
    """A chat of eight messages with a JSON schema."""
    message = {"role": "user", "content": "What is the weather like in Paris today? " * 20}
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in "abcdefgh"}}
    return TextJob(
        messages=[message] * 8,
        constraint=Constraint(ConstraintKind.JSON_SCHEMA, schema),
        sampling=Sampling(temperature=0.7, seed=1, logit_bias={7: -1.0}),
        max_tokens=256,
    )


def microseconds(call: Callable[[], object]) -> float:
    """The time of one call."""
    timer = timeit.Timer(call)
    count, took_s = timer.autorange()
    count = max(1, round(count * ROUND_S / took_s))
    return min(timer.repeat(ROUNDS, count)) / count * 1e6


def main() -> None:
    """Print the table."""
    cases: list[tuple[str, Struct, Decoder[Any]]] = [
        (f"Step, {count} tokens", step(count), BUS_MESSAGES) for count in EVENT_COUNTS
    ]
    cases.append(("Submit", Submit("6f1c2a9b00000000", "0123456789abcdef", 1, 1), ROUTER_MESSAGES))
    cases.append(("its work, a chat", chat(), Decoder(Work)))
    print(f"{'message':<18}{'bytes':>8}{'encode µs':>12}{'decode µs':>12}")
    for name, message, decoder in cases:
        frame = encode(message)
        encode_us, decode_us = microseconds(partial(encode, message)), microseconds(partial(decoder.decode, frame))
        print(f"{name:<18}{len(frame):>8}{encode_us:>12.2f}{decode_us:>12.2f}")


if __name__ == "__main__":
    main()
