"""What pictures in chats cost, in the engine without a server.

    python -m scripts.bench.media [beside turns text] [--pair tower] [--rounds 5] [--more]

The pair is one of scripts/make_media: `tower` has a projector of the size of SmolVLM-256M's. Each round has pictures of
its own. All figures that are compared come from the same round, in turns, so that other work slows both.
"""

from __future__ import annotations

import argparse
import sys

from scripts.bench.media.beside import STREAMS, beside_streams
from scripts.bench.media.engines import ask, opened, picture_file, question
from scripts.bench.media.rows import HEADING, beside_rows, text_rows, turn_rows
from scripts.bench.media.text_only import text_rounds
from scripts.bench.media.turns import picture_turns
from scripts.bench.media.watching import WatchedProjector
from scripts.bench.speculation.comparing import SLOTS
from scripts.bench.speed_page.measured import rows_of, write_table
from scripts.make_media.pairs import PAIRS

TABLE = "media"
PARTS = ("beside", "turns", "text")
WARMING = 999_999
"""The picture with which an engine makes its first steps, which take longer."""

NOTE = (
    "In the engine without a server. Pictures of 512 x 512 pixels, SmolLM2-135M with a projector of random weights of "
    "the size of SmolVLM-256M's. Medians, and ratios within each round. The gap that is allowed is the longest "
    "step, one that computes embeddings, and 1.5 times the longer of the longest slice and the longest node of the "
    "encoder's graph."
)


def measure(part: str, pair: str, rounds: int) -> list[list[str]]:
    """The rows of one part.

    Raises:
        RuntimeError: a job failed.
    """
    if part == "text":
        with opened(pair, SLOTS, with_projector=False) as plain, opened(pair, SLOTS) as seeing:
            return text_rows(text_rounds(plain, seeing, rounds))
    with opened(pair, STREAMS + 1) as engine:
        ask(engine, question(), [picture_file(WARMING)], max_tokens=2)
        if part == "turns":
            return turn_rows([picture_turns(engine, seed) for seed in range(rounds)])
        watched = WatchedProjector.of(engine)
        return beside_rows([beside_streams(engine, watched, seed) for seed in range(rounds)])


def main(words: list[str] | None = None) -> int:
    """Measure, print and keep the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.media", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--pair", default="tower", choices=sorted(PAIRS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--more", action="store_true", help="keep the rows that an earlier run has measured")
    given = sys.argv[1:] if words is None else words
    options = parser.parse_args(given)
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"part: expected one of {', '.join(PARTS)}, got {part}")
    rows = rows_of(TABLE) if options.more else []
    for part in options.parts or PARTS:
        for row in measure(part, options.pair, options.rounds):
            rows = [*(kept for kept in rows if _name(kept) != _name(row)), row]
            print(" | ".join(row), flush=True)
    write_table(TABLE, [HEADING, *rows], NOTE, " ".join(["python -m scripts.bench.media", *_shown(given)]))
    return 0


def _name(row: list[str]) -> str:
    """What was measured, without what is told of it in brackets."""
    return row[0].partition(" (")[0]


def _shown(given: list[str]) -> list[str]:
    """The command's words for the page, which says what several runs found together."""
    return [word for word in given if word not in (*PARTS, "--more")]


if __name__ == "__main__":
    sys.exit(main())
