"""Where other programs keep the models that they have fetched."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 1024 * 1024
"""Of other programs' settings and manifests."""

_OLLAMA_AS_SERVICE = Path("/usr/share/ollama/.ollama/models")


@dataclass(frozen=True, slots=True)
class ForeignFolders:
    """Folders of other programs: they need not exist, and are only read."""

    ollama: tuple[Path, ...] = ()
    lm_studio: tuple[Path, ...] = ()
    hub_caches: tuple[Path, ...] = ()

    @classmethod
    def of_this_user(cls) -> ForeignFolders:
        """Where the programs look themselves: by their variables and settings, else in the home folder."""
        home = Path("~").expanduser()
        own_ollama = _from_variable("OLLAMA_MODELS") or home / ".ollama" / "models"
        hub_home = _from_variable("HF_HOME") or _cache_folder(home) / "huggingface"
        hub = _from_variable("HF_HUB_CACHE") or _from_variable("HUGGINGFACE_HUB_CACHE") or hub_home / "hub"
        return cls((own_ollama, _OLLAMA_AS_SERVICE), _lm_studio(home), (hub,))


def read_small_file(path: Path) -> bytes:
    """The content of a file of at most ``MAX_FILE_BYTES``. Raises ``OSError``; ``ValueError`` if it is larger."""
    if not path.is_file():  # a pipe would be waited for
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"expected at most {MAX_FILE_BYTES:,} bytes, got more")
    return content


def _from_variable(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value).expanduser() if value else None


def _cache_folder(home: Path) -> Path:
    return _from_variable("XDG_CACHE_HOME") or home / ".cache"


def _lm_studio(home: Path) -> tuple[Path, ...]:
    """The folders of models in LM Studio's home folders, and the one that its settings name instead."""
    homes = [home / ".lmstudio", home / ".cache" / "lm-studio"]
    pointed = _first_line(home / ".lmstudio-home-pointer")
    if pointed:
        homes.insert(0, Path(pointed))
    found = [folder for each in homes for folder in (_downloads_folder(each), each / "models") if folder is not None]
    return tuple(dict.fromkeys(found))


def _first_line(path: Path) -> str:
    try:
        return next(iter(read_small_file(path).decode().split("\n")), "").strip()
    except (OSError, ValueError):
        return ""


def _downloads_folder(home: Path) -> Path | None:
    try:
        settings = json.loads(read_small_file(home / "settings.json"))
    except (OSError, ValueError, RecursionError):
        return None
    folder = settings.get("downloadsFolder") if isinstance(settings, dict) else None
    return Path(folder) if isinstance(folder, str) and folder.startswith("/") and "\0" not in folder else None
