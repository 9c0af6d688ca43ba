"""Tokens per second with speculation and without: one user and many, in one process, in turns.

    python -m scripts.bench.speculation --models random-1b-q4_0@0.02 --drafts random-100m-q4_0@0.02,random-100m-q4_0@0.1
    python -m scripts.bench.speculation --models smollm2.gguf

A user who repeats a text has much to look up, one who tells a story has little, and with many users a step is full.
How often a draft model is right depends on the pair: see scripts/make_gguf/scaled.py. With `--ask draft` nothing is
looked up.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.bench.speculation.comparing import HEADING, compare, opened
from scripts.bench.speculation.tasks import tasks
from scripts.bench.speed_page.measured import write_table
from scripts.make_gguf.scaled import file_of
from shared.settings.text.speculation import Speculate
from workers.text.speculation.options import SpeculationOptions

NOTE = (
    "Two engines in one process, in turns. Drafts are those of all rounds. Texts may part where two tokens are almost"
    " equally likely, as the number of tokens in a step changes the rounding."
)


def rows_of(name: str, options: argparse.Namespace) -> list[list[str]]:
    """The rows of one model; prints them one by one."""
    rows: list[list[str]] = []
    model, label = file_of(name), Path(name).name.removesuffix(".gguf")
    wanted = [task for task in tasks() if any(word in task for word in options.only.split(","))]
    with opened(model, SpeculationOptions()) as plain:
        for draft in options.drafts.split(","):
            how = Speculate(options.ask) if draft else Speculate.NGRAM
            source = Path(draft).name.removesuffix(".gguf") if draft else "the text"
            with opened(model, SpeculationOptions(how, file_of(draft), options.draft_tokens)) as speculating:
                for task in wanted:
                    rows.append([label, source, *compare(plain, speculating, task, options.rounds)])
                    print(" | ".join(rows[-1]), flush=True)
    return rows


def _without_folders(word: str) -> str:
    """A word of the command for the page, where nobody has these folders."""
    return (
        ",".join(Path(part).name for part in word.split(",")) if "/" in word else f'"{word}"' if " " in word else word
    )


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.speculation", description=__doc__)
    parser.add_argument("--models", required=True, metavar="GGUF,...")
    parser.add_argument(
        "--drafts", default="", metavar="GGUF,...", help="draft models (default: only what is looked up)"
    )
    parser.add_argument("--ask", default="auto", choices=["auto", "draft"], help="with a draft model (default auto)")
    parser.add_argument("--draft-tokens", type=int, default=16, metavar="N", help="longest draft (default 16)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", metavar="TEXT,...", help="only tasks whose name has one of these")
    parser.add_argument("--table", default="", metavar="NAME", help="keep the table for docs/speed.md")
    given = sys.argv[1:] if words is None else words
    options = parser.parse_args(given)
    rows = [row for name in options.models.split(",") for row in rows_of(name, options)]
    if options.table:
        heading = ["model", "drafts from", *HEADING]
        command = " ".join(_without_folders(word) for word in given)
        write_table(options.table, [heading, *rows], NOTE, f"python -m scripts.bench.speculation {command}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
