"""Make models of given shapes and sizes, and print where they are.

    python -m scripts.make_gguf.shapes random-1b-q4_k_m random-tiny-hybrid-f16

A second time they come from the cache.
"""

from __future__ import annotations

import argparse
import sys

from scripts.make_gguf.shapes.making import QUANTIZATIONS, QuantizationError, random_model
from scripts.make_gguf.shapes.shape import SHAPES
from shared.errors import ModelError


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.make_gguf.shapes", description=(__doc__ or "").splitlines()[0]
    )
    known = f"random-SHAPE-QUANTIZATION: {', '.join(SHAPES)}, each also as tiny-...; {', '.join(QUANTIZATIONS)}"
    parser.add_argument("names", nargs="+", metavar="NAME", help=known)
    options = parser.parse_args(words)
    for name in options.names:
        try:
            print(random_model(name, lambda line: print(line, file=sys.stderr, flush=True)))
        except (ValueError, QuantizationError, ModelError, OSError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
