"""Which library computes, where llama.cpp's wheel leaves the choice: small libraries play those of the wheel."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from workers.engine import EngineLoadError
from workers.llama.native.backends import device_of, gpu_names, load_backends_of

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

REGISTRY = """
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
void *ggml_backend_load(const char *path) {
    FILE *file = fopen(getenv("LOADED"), "a");
    fprintf(file, "%s\\n", path);
    fclose(file);
    return strstr(path, "broken") ? NULL : (void *)1;
}
"""
VARIANT = "int ggml_backend_score(void) {{ return {score}; }}"
HOSTILE = """
#include <stdio.h>
__attribute__((constructor)) static void run(void) { fclose(fopen("hostile-was-here", "w")); }
int ggml_backend_score(void) { return 100000; }
"""


def compiled(path: Path, source: str) -> None:
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(path), "-"]
    subprocess.run(command, input=source, text=True, check=True, timeout=60)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the libraries. It is not the current one."""
    folder = tmp_path / "lib"
    folder.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("LOADED", str(tmp_path / "loaded"))
    compiled(folder / "libggml.so", REGISTRY)
    return folder


def add(folder: Path, **scores: int) -> None:
    for name, score in scores.items():
        compiled(folder / f"libggml-cpu-{name}.so", VARIANT.format(score=score))


def loaded(folder: Path) -> list[str]:
    return (folder.parent / "loaded").read_text().splitlines()


def test_the_best_variant_is_loaded_by_its_path(folder: Path) -> None:
    add(folder, x64=1, haswell=63, zen4=0)
    assert load_backends_of(folder) == "haswell"
    assert loaded(folder) == [str(folder / "libggml-cpu-haswell.so")]


def test_gpus_come_before_the_cpu(folder: Path) -> None:
    add(folder, x64=1)
    for name in ("base", "vulkan"):
        compiled(folder / f"libggml-{name}.so", "")
    load_backends_of(folder)
    assert [Path(path).name for path in loaded(folder)] == ["libggml-vulkan.so", "libggml-cpu-x64.so"]


def test_a_library_of_the_current_folder_is_never_run(folder: Path) -> None:
    add(folder, x64=1)
    compiled(Path("libggml-cpu-evil.so"), HOSTILE)
    load_backends_of(folder)
    assert loaded(folder) == [str(folder / "libggml-cpu-x64.so")]
    assert not Path("hostile-was-here").exists()
    ctypes.CDLL(os.path.abspath("libggml-cpu-evil.so"))  # it would have left a trace
    assert Path("hostile-was-here").exists()


def test_a_build_for_one_cpu_is_left_alone(folder: Path) -> None:
    compiled(folder / "libggml-cpu.so", "")
    assert load_backends_of(folder) is None
    assert not (folder.parent / "loaded").exists()


def test_a_cpu_that_is_too_old_is_told(folder: Path) -> None:
    add(folder, haswell=0, zen4=0)
    with pytest.raises(EngineLoadError, match="expected a CPU that one of haswell, zen4 runs on"):
        load_backends_of(folder)


def test_a_library_that_cannot_be_loaded_is_told(folder: Path) -> None:
    add(folder, broken=1)
    with pytest.raises(EngineLoadError, match=r"libggml-cpu-broken\.so cannot be loaded"):
        load_backends_of(folder)


@pytest.mark.parametrize(
    ("names", "device"),
    [
        ([], None),
        (["CUDA0"], None),
        (["Vulkan0"], "vulkan:0"),
        (["Vulkan0", "Vulkan1"], "vulkan:0,vulkan:1"),
    ],
)
def test_a_device_is_named_as_the_workers_are(names: list[str], device: str | None) -> None:
    assert device_of(names) == device


def test_this_build_uses_no_gpu_that_is_not_there() -> None:
    assert all(name[-1].isdigit() for name in gpu_names())
