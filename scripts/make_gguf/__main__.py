"""Write a small GGUF text model with random weights and the vocabulary of another file.

    python -m scripts.make_gguf OUT.gguf --vocabulary ggml-vocab-qwen2.gguf --template chat.jinja --token '<think>'

Its texts are noise, but tokeniser, chat template, grammars and decoding work as with a real model, only faster. At
temperature 1, most tokens are ordinary words; some are special tokens that the chat template mentions, and ends.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.make_gguf.model import make_gguf
from shared.errors import ModelError


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.make_gguf", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="the GGUF file to write")
    parser.add_argument("--vocabulary", type=Path, required=True, metavar="GGUF", help="a file with the vocabulary")
    parser.add_argument("--template", type=Path, metavar="JINJA", help="the chat template (default: the vocabulary's)")
    parser.add_argument("--token", action="append", default=[], metavar="TEXT", help="add a marker token; repeatable")
    parser.add_argument("--end", metavar="TEXT", help="the token that ends a turn")
    parser.add_argument("--context", type=int, default=4096, metavar="N", help="context length (default 4096)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default 0)")
    options = parser.parse_args(words)
    try:
        template = None if options.template is None else options.template.read_text("utf-8")
        make_gguf(
            options.out,
            options.vocabulary,
            template,
            added=options.token,
            end=options.end,
            context_tokens=options.context,
            seed=options.seed,
        )
    except (ModelError, OSError, ValueError) as error:
        print(f"not written: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.0f} MB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
