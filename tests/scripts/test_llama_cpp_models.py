"""Vocabularies and templates come out of the source archive, and nothing else."""

from __future__ import annotations

import importlib.metadata
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from scripts.llama_cpp_models import llama_cpp_models, main

MODELS = "llama_cpp_python-1/vendor/llama.cpp/models"


def archive_of(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_vocabularies_and_templates_are_kept(tmp_path: Path) -> None:
    names = ["ggml-vocab-a.gguf", "ggml-vocab-a.gguf.inp", "templates/b.jinja", "templates/README.md"]
    others = ["llama_cpp_python-1/c.jinja", "llama_cpp_python-1/vendor/d.gguf"]
    archive = archive_of(tmp_path / "a.tar.gz", *[f"{MODELS}/{name}" for name in names], *others)
    folder = llama_cpp_models(archive)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "ggml-vocab-a.gguf",
        "templates/b.jinja",
    ]
    assert (folder / "templates/b.jinja").read_text() == f"{MODELS}/templates/b.jinja"


def test_an_archive_is_read_once(tmp_path: Path) -> None:
    first = llama_cpp_models(archive_of(tmp_path / "a.tar.gz", f"{MODELS}/a.gguf"))
    assert llama_cpp_models(tmp_path / "missing.tar.gz") == first


def test_another_archive_is_refused_and_nothing_is_kept(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--archive", str(archive_of(tmp_path / "a.tar.gz", "b/c.gguf"))]) == 1
    assert (
        capsys.readouterr().err
        == "a.tar.gz: expected vocabularies and templates in vendor/llama.cpp/models, got none\n"
    )
    assert [path.name for path in (cache / "nexa/llama.cpp").iterdir()] == ["lock"]


def test_pip_fetches_the_archive_of_the_installed_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        archive_of(Path(command[command.index("--dest") + 1], "llama.tar.gz"), f"{MODELS}/a.gguf")
        assert command[-1] == f"llama-cpp-python=={importlib.metadata.version('llama-cpp-python')}"
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert (llama_cpp_models() / "a.gguf").exists()


def test_a_failure_of_pip_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: first\nERROR: No matching distribution found\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    assert main([]) == 1
    assert capsys.readouterr().err.endswith(": ERROR: No matching distribution found\n")
