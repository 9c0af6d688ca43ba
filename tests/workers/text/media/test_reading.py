"""How long the files of a chat may take."""

from __future__ import annotations

import time
from typing import cast

import pytest

from shared.wire.payloads import JobError
from tests.support.engines.seeing import SeenProjector
from workers.text.media import reading
from workers.text.media.markers import MediaPart
from workers.text.media.reading import MediaReader
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.messages import DecodedFile
from workers.text.sandbox.sandbox import Sandbox


class QuickSandbox:
    """Everything is a black pixel."""

    def decode(self, *_: object) -> DecodedFile:
        return DecodedFile(1, 1, bytes(3))


def test_the_wait_for_the_projector_is_a_part_of_the_time_for_a_chats_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MIN_WALL_S", 0.0)
    projector = SeenProjector()
    reader = MediaReader(cast(Sandbox, QuickSandbox()), projector, ["image"])
    part, attempt = MediaPart("image", 0, "messages.0.content.0"), PreparationAttempt(Limits(1.0, 1000))
    with reader._lock, pytest.raises(JobError, match="read within 45 s together") as refused:
        reader.read(part, memoryview(b""), time.monotonic() + 0.1, attempt)
    assert (refused.value.failed.status, refused.value.failed.param) == (503, part.field)
    assert not projector.seen
    assert reader.read(part, memoryview(b""), time.monotonic() + 60.0, attempt)
    assert len(projector.seen) == 1
