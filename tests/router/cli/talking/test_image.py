"""``nexa image`` with a real server, whose pictures are painted beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from router.cli.talking.image import progress_line, save_new
from shared.kinds import JobKind
from shared.settings import ServerSettings
from shared.wire.jobs import ImageJob
from tests.support.launching import refusal
from tests.support.requests.pictures import painted, png
from tests.support.router.client import serving
from tests.support.router.fake_broker import MODEL, FakeBroker

PICTURE = png(0, 8)


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    painter = MODEL.model_copy(update={"kinds": (JobKind.IMAGE,)})
    settings = ServerSettings(models=(painter,), run_folder="", output_folder=str(tmp_path / "kept"))
    return FakeBroker(settings=settings, script=painted)


@pytest.fixture
def url(broker: FakeBroker) -> Iterator[str]:
    with serving(broker) as url:
        yield url


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def asked(broker: FakeBroker) -> ImageJob:
    work: Any = broker.jobs[-1].request.work
    assert isinstance(work, ImageJob)
    return work


def test_a_picture_is_named_after_its_prompt_and_seed(
    url: str, broker: FakeBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["A lighthouse, at dusk!", "--width", "64", "--height", "128", "--steps", "3", "--seed", "7"]
    assert main(["image", *words, "--negative", "people", "--url", url]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("a-lighthouse-at-dusk-7.png\n", "")
    assert (tmp_path / "a-lighthouse-at-dusk-7.png").read_bytes() == PICTURE
    job = asked(broker)
    assert (job.width, job.height, job.steps, job.seed) == (64, 128, 3, 7)
    assert (job.prompt, job.negative_prompt) == ("A lighthouse, at dusk!", "people")


def test_a_picture_of_another_one(url: str, broker: FakeBroker, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(png())
    words = ["At night", "--from", "photo.png", "--strength", "0.5", "-o", "night.png"]
    assert main(["image", *words, "--url", url]) == 0
    assert (tmp_path / "night.png").read_bytes() == PICTURE
    assert asked(broker).strength == 0.5


def test_no_picture_is_overwritten_that_was_not_named(tmp_path: Path) -> None:
    names = [save_new(tmp_path, prompt, 7, b"x").name for prompt in ("é!", "é!", "b/../c", "d" * 100)]
    assert names == ["picture-7.png", "picture-7-2.png", "b-c-7.png", f"{'d' * 40}-7.png"]


@pytest.mark.parametrize("name", ["missing/a.png", ".", "/"])
def test_a_file_that_could_not_be_written_is_told_before_a_picture_is_made(
    url: str, broker: FakeBroker, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, line = refusal(capsys, "image", "x", "-o", name, "--url", url)
    assert (code, line) == (2, f"nexa: --output: expected a file in a folder that can be written, got {name!r}")
    assert broker.jobs == []


def test_the_steps_are_shown_as_a_bar() -> None:
    assert progress_line(2, 4, 8) == "[####....] step 2 of 4"
    assert progress_line(0, 0, 4) == "[....] step 0 of 0"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["x", "--from", "none.png"], 1, "--from: expected an existing file, got 'none.png'"),
        (["x", "--strength", "0.5"], 2, "--strength: expected --from PICTURE beside it, got none"),
        (["x", "--url", "http://127.0.0.1:1"], 1, "start one: nexa server sd1-5"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    found = refusal(capsys, "image", *words)
    assert (found[0], said in found[1]) == (code, True)


def test_a_refused_size_is_told_in_the_servers_words(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "image", "x", "--width", "10", "--url", url)
    assert code == 1
    assert "answered 400: width: expected" in line
