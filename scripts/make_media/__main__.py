"""The command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.make_media.cache import made
from scripts.make_media.pairs import PAIRS, write_pair
from shared.errors import ModelError


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    listed = "\n".join(f"  {pair.name:<10} {pair.what}" for pair in PAIRS.values())
    parser = argparse.ArgumentParser(
        prog="python -m scripts.make_media",
        usage="%(prog)s PAIR FOLDER\n       %(prog)s --cached [PAIR ...]",
        description=f"Make a small text model with a projector file, without downloads.\n\npairs:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="PAIR FOLDER", help="what to make, and a folder for it")
    parser.add_argument("--cached", action="store_true", help="make it in the cache, if it is not there")
    options = parser.parse_args(words)
    names = (options.words or list(PAIRS)) if options.cached else options.words[:1]
    for name in names:
        if name not in PAIRS:
            parser.error(f"pair: expected one of {', '.join(PAIRS)}, got {name}")
    if not options.cached and len(options.words) != 2:
        parser.error("expected a pair and a folder")
    try:
        if options.cached:
            for name in names:
                print(*made(name))
        else:
            print(*write_pair(PAIRS[options.words[0]], Path(options.words[1])))
    except (ModelError, OSError) as error:
        print(f"not written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
