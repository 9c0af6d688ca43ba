"""The options that both benchmarks of prefixes have."""

from __future__ import annotations

import argparse


def parser_of(module: str, about: str, models: str, tokens: int) -> argparse.ArgumentParser:
    """A parser with the usual ``models`` and length of the first prompt; ``about`` is the module's docstring."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about.split("\n")[0])
    parser.add_argument("--models", default=models, help="names or files, with commas; random ones are made if need be")
    parser.add_argument("--tokens", type=int, default=tokens, help="length of the first prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--more", action="store_true", help="keep the rows that an earlier run has measured")
    return parser
