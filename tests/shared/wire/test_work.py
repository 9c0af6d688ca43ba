from __future__ import annotations

import gc

import msgspec
import pytest
from msgspec.structs import replace

from shared.wire.codec import WireError, encode
from shared.wire.jobs import ImageJob, Sampling, SpeechJob, TextJob, Work
from shared.wire.work import PackedWork, WorkTooLarge, unpack

TEXT = TextJob(messages=[{"role": "user", "content": "hi"}], sampling=Sampling(seed=7, top_k=3))
WORKS = [TEXT, ImageJob("a cat", seed=7), SpeechJob(), TextJob(prompt="no seed")]


@pytest.mark.parametrize("work", WORKS, ids=["text", "image", "speech", "no seed"])
def test_a_work_comes_out_as_it_went_in(work: Work) -> None:
    packed = PackedWork(work)
    assert unpack(packed.frame, None) == work
    assert unpack(memoryview(packed.frame), None) == work


def test_a_work_is_packed_once() -> None:
    packed = PackedWork(TEXT)
    assert packed.frame is packed.frame
    frame = encode(TEXT)
    assert PackedWork(TEXT, frame).frame is frame


@pytest.mark.parametrize(
    ("work", "other"),
    [
        (TEXT, replace(TEXT, sampling=Sampling(seed=8, top_k=3))),
        (ImageJob("a cat", seed=7), ImageJob("a cat", seed=8)),
        (SpeechJob(), SpeechJob()),
    ],
    ids=["text", "image", "speech"],
)
def test_one_frame_serves_works_that_differ_in_their_seeds(work: Work, other: Work) -> None:
    packed = PackedWork(work)
    assert packed.also_packs(other)
    assert unpack(packed.frame, 8) == other


@pytest.mark.parametrize(
    "other", [replace(TEXT, stop=["x"]), replace(TEXT, sampling=Sampling(seed=7, top_k=4)), ImageJob("a cat", seed=7)]
)
def test_other_works_need_a_frame_of_their_own(other: Work) -> None:
    assert not PackedWork(TEXT).also_packs(other)


def test_a_work_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.wire.work.MAX_WORK_BYTES", len(encode(TEXT)))
    assert PackedWork(TEXT).frame
    with pytest.raises(WorkTooLarge, match=r"^body: expected a request of up to \d+ bytes, got \d+"):
        _ = PackedWork(replace(TEXT, stop=["x"])).frame


@pytest.mark.parametrize("frame", [b"", encode(TEXT)[:-1], b"\x00" + encode(TEXT)[1:], encode(Sampling())])
def test_bytes_that_are_no_work_are_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        unpack(frame, None)


def test_the_garbage_collector_runs_on_after_a_large_work() -> None:
    options = {"lists": msgspec.Raw(b"\xdd" + (100_000).to_bytes(4, "big") + b"\x90" * 100_000)}
    frame = encode(TextJob(template_options=options))
    work = unpack(frame, None)
    assert isinstance(work, TextJob)
    assert work.template_options == {"lists": [[]] * 100_000}
    assert gc.isenabled()
    with pytest.raises(WireError):
        unpack(frame[:-1], None)
    assert gc.isenabled()
