"""The first and the second turn of a long chat: time to the first token, and what was cached.

    python -m scripts.bench.prefixes [--models half-hybrid,gemma3-270m-base] [--tokens 4000] [--rounds 3]

By default one model of each family that cannot go back in a text: recurrent, hybrid, and with sliding windows only.
Each round is a chat of its own, so that its first turn finds nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from scripts.bench.prefixes.chats import Asked, ask, next_turn, said, text_of
from scripts.bench.prefixes.models import model_file
from scripts.bench.prefixes.options import parser_of
from scripts.bench.speed_page.measured import rows_of, write_table
from shared.settings.placement import LlamaCppOptions
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

MODELS = "half-recurrent,half-hybrid,half-swa,gemma3-270m-base"
HEADING = ["model", "prompt", "cached", "first turn: first token, s", "second turn, s", "ratio"]
NOTE = (
    "The second turn of a chat whose first prompt has about 4,000 tokens, in the engine without a server; "
    "`swa_full=off`. Medians, and the range of the ratios. `half-` models have half the width of those that "
    "`scripts.make_gguf.shapes` makes, random weights and Q8_0."
)


def main() -> int:
    """Measure, print and keep the table; returns the exit code."""
    parser = parser_of("scripts.bench.prefixes", __doc__ or "", MODELS, 4000)
    parser.add_argument("--swa-full", default="off", choices=("auto", "on", "off"))
    options = parser.parse_args()
    table = [HEADING, *(rows_of("prefixes") if options.more else [])]
    for name in options.models.split(","):
        table.append(_row(name, options))
        print(" | ".join(table[-1]), flush=True)
        write_table("prefixes", table, NOTE, "python -m scripts.bench.prefixes")
    return 0


def _row(name: str, options: argparse.Namespace) -> list[str]:
    native = LlamaCppOptions(swa_full=options.swa_full)
    given = LlamaOptions(str(model_file(name)), options.threads, 4, options.tokens * 2, native=native)
    engine = LlamaEngine(given)
    engine.load(lambda fraction: None)
    ask(engine, [said(text_of(1000, 200))])  # the first steps of a process take longer
    pairs: list[tuple[Asked, Asked]] = []
    try:
        for number in range(options.rounds):
            first = [said(text_of(number, options.tokens))]
            answer = ask(engine, first)
            pairs.append((answer, ask(engine, next_turn(first, answer, number + 100))))
    finally:
        engine.close()
    ratios = sorted(second.ttft_s / first.ttft_s for first, second in pairs)
    cached = min(second.cached_tokens / second.prompt_tokens for _, second in pairs)
    return [
        Path(name).stem,
        f"{pairs[-1][1].prompt_tokens:,}",
        f"{cached:.1%}",
        f"{statistics.median(first.ttft_s for first, _ in pairs):.2f}",
        f"{statistics.median(second.ttft_s for _, second in pairs):.2f}",
        f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
    ]


if __name__ == "__main__":
    sys.exit(main())
