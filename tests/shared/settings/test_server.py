from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.interpreter import child_environment
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.settings.run import SettingsFile
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


def test_settings_that_are_handed_on_have_no_file_that_could_be_lost() -> None:
    """Each process that inherits them reads them from their beginning, as often as it likes."""
    settings = ServerSettings(models=(), run_folder="", api_key="secret", media_folder=os.fsdecode(b"/media/caf\xe9"))
    file = settings.hand_on()
    assert ServerSettings.load(file.path) == ServerSettings.load(file.path) == settings
    code = "import sys, pathlib, shared.settings as s; print(s.ServerSettings.load(pathlib.Path(sys.argv[1])).api_key)"
    command = [sys.executable, "-c", code, str(file.path)]
    for _ in range(2):
        printed = subprocess.check_output(command, env=child_environment(), pass_fds=file.descriptors, text=True)
        assert printed == "secret\n"
    assert os.fstat(file.descriptors[0]).st_nlink == 0
    os.close(file.descriptors[0])


def test_children_inherit_only_settings_without_a_name(tmp_path: Path) -> None:
    assert SettingsFile.at(Path("/dev/fd/7")).descriptors == (7,)
    assert SettingsFile.at(tmp_path / "7").descriptors == ()
