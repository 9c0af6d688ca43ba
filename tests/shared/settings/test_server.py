from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.codec import MAX_FRAME_BYTES


def test_settings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    models = (
        ModelSettings(
            name="a",
            kinds=(JobKind.TEXT,),
            engine="llama",
            path="/m.gguf",
            aliases=("b", "c"),
            workers=2,
            slots=3,
            step_s=0.5,
        ),
        ModelSettings(name="d", kinds=(JobKind.IMAGE, JobKind.TEXT), engine="diffusion", path="/d"),
    )
    settings = ServerSettings(
        models=models, run_folder=str(tmp_path), port=9, api_key="k", image_hosts=("h:1", "i"), drain_timeout_s=1.5
    )
    settings.save()
    assert ServerSettings.load(settings.path) == settings


def test_paths_that_are_not_utf_8_come_back_as_they_were_saved(tmp_path: Path) -> None:
    media_folder = os.fsdecode(b"/media/caf\xe9")
    ServerSettings(models=(), run_folder=str(tmp_path), media_folder=media_folder).save()
    assert ServerSettings.load(tmp_path / "settings.json").media_folder == media_folder


def test_the_prompt_of_the_largest_body_fits_into_a_message() -> None:
    with pytest.raises(ValidationError):
        ServerSettings(models=(), run_folder="", max_body_bytes=MAX_FRAME_BYTES)


def test_only_the_owner_can_read_the_settings_file(tmp_path: Path) -> None:
    settings = ServerSettings(models=(), run_folder=str(tmp_path), api_key="secret")
    settings.save()
    assert stat.S_IMODE(settings.path.stat().st_mode) == 0o600
