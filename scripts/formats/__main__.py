"""Measure chat formats over the templates and vocabularies of real models.

    python -m scripts.formats templates                      what is learnt from each, and what goes wrong
    python -m scripts.formats templates --details Qwen GLM   with reasons, of those with such names
    python -m scripts.formats answers --count 1000           random answers within the grammars: all must be valid

The templates and vocabularies come from llama-cpp-python's source archive (see scripts/llama_cpp_models.py). They are
for measuring only: the tests have their own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.formats.answers import random_answers, table_of, tallies
from scripts.formats.templates import inspect, table
from scripts.llama_cpp_models import FetchError, llama_cpp_models


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code: 1 if an answer was wrong."""
    options = _parser().parse_intermixed_args(words)
    try:
        folder = options.templates or llama_cpp_models() / "templates"
        paths = [path for path in sorted(folder.glob("*.jinja")) if _is_wanted(path, options.names)]
        if not paths:
            print(f"{folder}: expected templates (*.jinja) with such names, got none", file=sys.stderr)
            return 1
        if options.what == "answers":
            models = options.vocabularies or llama_cpp_models()
            found = tallies(random_answers(models, paths, options.only or range(options.count), options.seed))
            print(table_of(found))
            return 1 if any(tally.faults for tally in found.values()) else 0
    except (FetchError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table([inspect(path, options.trips, options.seed) for path in paths], options.trips, options.details))
    return 0


def _is_wanted(path: Path, names: list[str]) -> bool:
    return not names or any(name.lower() in path.stem.lower() for name in names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.formats", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("templates", "answers"), help="what to measure")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only templates whose names have one of these in them")
    parser.add_argument("--templates", type=Path, metavar="FOLDER", help="other templates")
    parser.add_argument("--vocabularies", type=Path, metavar="FOLDER", help="other vocabularies (ggml-vocab-*.gguf)")
    parser.add_argument("--trips", type=int, default=10, help="random calls per kind of values (default 10)")
    parser.add_argument("--details", action="store_true", help="say what went wrong with templates")
    parser.add_argument("--count", type=int, default=1000, help="random answers (default 1000)")
    parser.add_argument("--only", type=int, action="append", metavar="NUMBER", help="only this answer; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="seed of calls and answers (default 0)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
