"""The settings of one run, which its processes read from a file."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from shared.settings.model import ModelSettings, SingleModelOptions
from shared.settings.server import ServerOptions

MODEL_VARIABLE = "NEXA_WORKER_MODEL"
"""The environment variable with the settings of a worker's model as JSON, where the run's settings do not have them."""

_DESCRIPTORS = Path("/dev/fd")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file with settings. Child processes must inherit ``descriptors`` to read it."""

    path: Path
    descriptors: tuple[int, ...] = ()

    @classmethod
    def at(cls, path: Path) -> SettingsFile:
        """The file that a process was given; the path of one without a name has the number of its descriptor."""
        return cls(path, (int(path.name),) if path.parent == _DESCRIPTORS else ())


class ServerSettings(ServerOptions):
    """What the processes of one server read: its options, its models and its run folder.

    With ``key_required``, requests need a key from the start. Without it, they need one once a key exists, unless
    ``insecure``. Models that are found on the machine get ``found_options``, or those in ``table_options`` of their
    name. ``url_key`` is the secret of this run that signs URLs, so that they survive a restart of the router.
    """

    models: tuple[ModelSettings, ...]
    run_folder: str
    key_required: bool = False
    authority_file: str = ""
    found_options: SingleModelOptions = SingleModelOptions(load="demand")
    table_options: dict[str, SingleModelOptions] = {}
    url_key: str = Field(default_factory=lambda: secrets.token_hex(32))

    @property
    def path(self) -> Path:
        """Where :meth:`save` writes these settings."""
        return Path(self.run_folder) / "settings.json"

    def save(self) -> None:
        """Write the settings into the run folder, readable by the owner only (they hold the key)."""
        self.path.touch(mode=0o600)
        self.path.write_text(self._as_json())

    def hand_on(self) -> SettingsFile:
        """Write the settings to a file without a name, which nobody can remove. It stays open, also after an exec."""
        with tempfile.TemporaryFile("w") as file:
            file.write(self._as_json())
            file.flush()
            descriptor = os.dup(file.fileno())
        os.set_inheritable(descriptor, True)
        return SettingsFile.at(_DESCRIPTORS / str(descriptor))

    def _as_json(self) -> str:
        return json.dumps(self.model_dump())  # paths may hold bytes that model_dump_json refuses

    @classmethod
    def load(cls, path: Path) -> ServerSettings:
        """Read and check what :meth:`save` or :meth:`hand_on` wrote.

        Raises:
            ValueError: not a settings file, or one of another version.
        """
        return cls.model_validate(json.loads(path.read_text()))
