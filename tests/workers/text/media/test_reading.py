"""What is said of files whose decoding ended early."""

from __future__ import annotations

import time
from unittest.mock import Mock

import pytest

from shared.wire.payloads import JobError
from workers.text.media.markers import MediaPart
from workers.text.media.reading import READING_S, MediaReader
from workers.text.sandbox.sandbox import Limit, LimitExceeded, Sandbox

PART = MediaPart("audio", 0, "messages.1.content.2")


@pytest.mark.parametrize(
    ("limit", "status", "told"),
    [
        (Limit.TIME, 400, "got one that exceeds that of time"),
        (Limit.MEMORY, 400, "got one that exceeds that of memory"),
        (Limit.CRASH, 400, "got one that ends its decoder"),
        (Limit.WAITING, 503, "too busy to decode it; try again later"),
    ],
)
def test_a_file_that_cannot_be_decoded_is_named_with_its_limit(limit: Limit, status: int, told: str) -> None:
    sandbox = Mock(Sandbox)
    sandbox.decode.side_effect = LimitExceeded(limit)
    reader = MediaReader(sandbox, Mock(sample_rate=16_000), ["audio"])
    with pytest.raises(JobError) as caught:
        reader.read(PART, memoryview(b"RIFF"), time.monotonic() + READING_S, Mock())
    failed = caught.value.failed
    assert (failed.status, failed.param) == (status, PART.field)
    assert failed.message.startswith(f"{PART.field}: ")
    assert failed.message.endswith(told)
