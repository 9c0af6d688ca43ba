"""The pairs that can be made, each a text model and a projector file beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scripts.make_media import texts
from scripts.make_media.projectors import colours, sounds, towers

Write = Callable[[Path], None]
"""Writes a file."""


class PairFiles(NamedTuple):
    """The two files of a pair."""

    model: Path
    projector: Path


@dataclass(frozen=True, slots=True)
class MediaPair:
    """What writes the two files of a pair, and what it is for."""

    name: str
    what: str
    text: Write
    projector: Write


_ALL = (
    MediaPair(
        "smolvlm",
        "SmolLM2 that names colours, and hears; tiles as of SmolVLM, sound as of Ultravox",
        texts.smolvlm,
        colours.smolvlm,
    ),
    MediaPair(
        "qwen2vl", "SmolLM2 that names colours; one chunk for each picture, M-RoPE", texts.qwen2vl, colours.qwen2vl
    ),
    MediaPair(
        "gemma3", "random weights; a picture's chunk is decoded whole, not causally", texts.gemma3, towers.gemma3
    ),
    MediaPair("ultravox", "SmolLM2 that hears and sees nothing", texts.plain, sounds.ultravox),
    MediaPair(
        "tower",
        "SmolLM2 and random weights of the size of SmolVLM-256M's tower, to measure encoding",
        texts.smolvlm,
        towers.smolvlm_256m,
    ),
)
PAIRS = {pair.name: pair for pair in _ALL}


def write_pair(pair: MediaPair, folder: Path) -> PairFiles:
    """Write both files to a folder, which is made if it is not there.

    Raises:
        ModelError: the packaged text model is missing.
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = files_in(pair, folder)
    pair.text(files.model)
    pair.projector(files.projector)
    return files


def files_in(pair: MediaPair, folder: Path) -> PairFiles:
    """Where a pair's files are in a folder."""
    return PairFiles(folder / f"{pair.name}.gguf", folder / f"mmproj-{pair.name}.gguf")
