"""Prompts that end the library's process are refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Done, JobError
from tests.support.workers.diffusion_jobs import image_job, run
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.prompts import check_text, check_weights
from workers.engine import EngineJob


@pytest.mark.parametrize(
    ("prompt", "got"),
    [
        ("(cat:.)", r"'\.'"),
        ("a (big (cat:..5) dog)", r"'\.\.5'"),
        ("(cat:+.)", r"'\+\.'"),
        ("(cat:" + "9" * 60 + ")", "'99999999999999999999…'"),
        ("(cat:4e)(dog:-" + "9" * 39 + ")", "'-9999999999999999999…'"),
        ("(cat:0." + "0" * 44 + "1)", "'0.000000000000000000…'"),
        ("\\((cat:.)", r"'\.'"),
        ("(cat\\):.)", r"'\.'"),
        ("(a:1)((b:.)", r"'\.'"),
        ("[(🏠:.)]", r"'\.'"),
        ("(BREAK:.)", r"'\.'"),
        ("\\\\(cat:.)", r"'\.'"),
    ],
)
def test_a_weight_that_the_library_cannot_read_is_refused(prompt: str, got: str) -> None:
    with pytest.raises(
        JobError, match=rf"^prompt: expected a weight such as 1.2 in \(word:1.2\), got {got}; "
    ) as refused:
        check_weights("prompt", prompt)
    assert (refused.value.failed.status, refused.value.failed.param) == (400, "prompt")


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "(cat:1.2), [dog], ((sky))",
        "(cat:1.2.3) (dog:-1) (sun:+.5) (sea:7.) (fog:0) (mist:-0.000)",
        "(cat:" + "9" * 38 + ")",
        "cat:.)",
        "(cat):.)",
        "\\(cat:.)",
        "(cat: .)",
        "(cat:.",
        "(cat:x) (dog:1e5) (sun:)",
        "a photo at 16:9 :)",
        "[cat:.]",
    ],
)
def test_what_the_library_reads_is_accepted(engine: DiffusionEngine, prompt: str) -> None:
    check_weights("prompt", prompt)
    assert isinstance(run(engine, image_job(prompt=prompt, steps=1)).events[-1], Done)


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_weights_of_both_prompts_are_checked(engine: DiffusionEngine, field: str) -> None:
    with pytest.raises(JobError, match=f"^{field}: expected a weight") as refused:
        engine.submit(EngineJob("job", replace(ImageJob("a cat"), **{field: "(cat:.)"})))
    assert refused.value.failed.param == field
    assert not engine.has_work()


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_is_no_c_string_is_refused(text: str) -> None:
    with pytest.raises(JobError, match=r"^prompt: expected text"):
        check_text("prompt", text)
