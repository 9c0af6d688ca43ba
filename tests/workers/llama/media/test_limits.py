"""How long recordings may be depends on what libmtmd does with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.make_media.cache import made
from scripts.make_media.projectors.parts import projector_file
from scripts.make_media.texts import finish
from shared.gguf.header import read_gguf_header
from shared.wire.payloads import JobError
from workers.llama.media.limits import check_recording, longest_recording_s


def projector(path: Path, kind: str, positions: int | None) -> Path:
    """A projector of sound, as far as its header tells."""
    writer = projector_file(path, "sound")
    writer.add_string("clip.audio.projector_type", kind)
    if positions is not None:
        writer.add_tensor("a.position_embd.weight", np.zeros((positions, 8), np.float32))
    finish(writer)
    return path


@pytest.mark.parametrize("pair", ["smolvlm", "ultravox"])
def test_projectors_that_split_recordings_take_long_ones(pair: str) -> None:
    assert longest_recording_s(read_gguf_header(made(pair).projector)) == 1800


@pytest.mark.parametrize(("positions", "longest_s"), [(None, 30), (5000, 30), (600, 12)])
def test_others_take_what_fits_into_their_positions(tmp_path: Path, positions: int | None, longest_s: float) -> None:
    header = read_gguf_header(projector(tmp_path / "sound.gguf", "lfm2a", positions))
    assert longest_recording_s(header) == longest_s


def test_a_recording_that_is_too_long_is_refused() -> None:
    check_recording(np.zeros(12 * 100, np.float32), 100, 12)
    with pytest.raises(JobError, match=r"^recording: expected 0\.1 s to 12 s, got 12\.01 s$"):
        check_recording(np.zeros(12 * 100 + 1, np.float32), 100, 12)
