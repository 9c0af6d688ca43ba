"""Writes small GGUF text models with random weights and a real vocabulary."""

from scripts.make_gguf.model import make_gguf

__all__ = ["make_gguf"]
