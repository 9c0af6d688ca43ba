"""The command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.make_onnx.cache import made, make
from scripts.make_onnx.errors import MakingError
from scripts.make_onnx.kinds import KINDS


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    listed = "\n".join(f"  {kind.name:<10} {kind.makes}" for kind in KINDS.values())
    parser = argparse.ArgumentParser(
        prog="python -m scripts.make_onnx",
        usage="%(prog)s KIND FOLDER\n       %(prog)s --cached [KIND ...]",
        description=f"Make a model folder in ONNX.\n\nkinds:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="KIND FOLDER", help="what to make, and a new folder for it")
    parser.add_argument("--cached", action="store_true", help="make what tests need, if it is not in the cache")
    options = parser.parse_args(words)
    kinds = (options.words or list(KINDS)) if options.cached else options.words[:1]
    for name in kinds:
        if name not in KINDS:
            parser.error(f"kind: expected one of {', '.join(KINDS)}, got {name}")
    try:
        if options.cached:
            for name in kinds:
                print(made(name))
        elif len(options.words) != 2:
            parser.error("expected a kind and a folder")
        elif (folder := Path(options.words[1])).exists():
            parser.error(f"folder: expected a new one, got {folder}")
        else:
            make(KINDS[options.words[0]], folder)
    except (MakingError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
