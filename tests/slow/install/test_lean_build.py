"""The lean build of a package like llama-cpp-python, and what happens where it does not fit."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.documents import REPOSITORY

PYPROJECT = """
[build-system]
requires = ["scikit-build-core[pyproject]>=0.9.2"]
build-backend = "scikit_build_core.build"
[project]
name = "llama_cpp_python"
version = "0.3.999"
[tool.scikit-build]
wheel.packages = ["llama_cpp"]
wheel.py-api = "py3"
build.verbose = true
"""
TOP = """
cmake_minimum_required(VERSION 3.21)
project(llama_cpp)
function(llama_cpp_python_install_target target)
    install(TARGETS ${target} LIBRARY DESTINATION ${SKBUILD_PLATLIB_DIR}/llama_cpp/lib)
endfunction()
set(LLAMA_BUILD_COMMON ON CACHE BOOL "" FORCE)
add_subdirectory(vendor/llama.cpp)
foreach(target llama ggml ggml-base)
    llama_cpp_python_install_target(${target})
endforeach()
add_subdirectory(vendor/llama.cpp/tools/mtmd)
llama_cpp_python_install_target(mtmd)
"""
LLAMA = """
cmake_minimum_required(VERSION 3.14...3.28)
project("llama.cpp" C CXX)
option(LLAMA_BUILD_COMMON "" ON)
add_library(ggml-base SHARED ggml.cpp)
add_library(ggml SHARED ggml.cpp)
add_subdirectory(src)
install(TARGETS ggml ggml-base llama LIBRARY)
install(FILES ggml.h DESTINATION include)
if(LLAMA_BUILD_COMMON)
    add_library(llama-common SHARED common.cpp)
    install(TARGETS llama-common LIBRARY)
endif()
"""
CORE = ("batch", "context", "grammar", "graph", "kv-cache", "sampler", "vocab")
SRC = f"""
add_library(llama SHARED {" ".join(f"llama-{name}.cpp" for name in CORE)} unicode.cpp models/a.cpp models/b.cpp)
set_target_properties(llama PROPERTIES VERSION 0.5.0 SOVERSION 0)
"""
MTMD = """
add_library(mtmd SHARED mtmd.cpp models/c.cpp models/d.cpp)
install(TARGETS mtmd LIBRARY)
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "CMakeLists.txt": TOP,
    "vendor/llama.cpp/CMakeLists.txt": LLAMA,
    "vendor/llama.cpp/ggml.cpp": "",
    "vendor/llama.cpp/ggml.h": "",
    "vendor/llama.cpp/common.cpp": "",
    "vendor/llama.cpp/src/CMakeLists.txt": SRC,
    "vendor/llama.cpp/src/unicode.cpp": "",
    **{f"vendor/llama.cpp/src/llama-{name}.cpp": "" for name in CORE},
    **{f"vendor/llama.cpp/src/models/{name}.cpp": f"static int {name}() {{ return 1; }}" for name in "ab"},
    "vendor/llama.cpp/tools/mtmd/CMakeLists.txt": MTMD,
    "vendor/llama.cpp/tools/mtmd/mtmd.cpp": "",
    **{f"vendor/llama.cpp/tools/mtmd/models/{name}.cpp": "" for name in "cd"},
    "llama_cpp/__init__.py": "",
    **{f"llama_cpp/{name}.py": "" for name in ("llama_cpp", "llama_cpp_ext", "mtmd_cpp")},
}

SETUP = """
set -euo pipefail
source scripts/setup/common.sh
source scripts/setup/native.sh
log="$PWD/log" steps=1
"$python" -m venv .venv
install_native llama-cpp-python llama.cpp "1 to 3" "-DGGML_NATIVE=OFF"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the set-up reads of the repository. Its path has a space."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("scripts", "pyproject.toml"):
        (folder / name).symlink_to(REPOSITORY / name)
    return folder


def set_up(folder: Path, changes: dict[str, tuple[str, str]]) -> subprocess.CompletedProcess[str]:
    """Compiles the package, in which of some files one text is replaced by another."""
    source = folder / "llama_cpp_python-0.3.999"
    for name, text in FILES.items():
        old, new = changes.get(name, ("", ""))
        assert old in text
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text.replace(old, new) if old else text)
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: 0.3.999\n")
    with tarfile.open(folder / f"{source.name}.tar.gz", "w:gz") as archive:
        archive.add(source, source.name)
    links = f"{folder.as_uri()} {os.environ.get('PIP_FIND_LINKS', '')}"
    environment = {**os.environ, "PIP_FIND_LINKS": links, "XDG_CACHE_HOME": str(folder / "cache")}
    command = ["bash", "-c", f'cd "$1"; python="$2" wheels="" {SETUP}', "bash", str(folder), sys.executable]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)


def wheel(folder: Path) -> set[str]:
    """What the compiled wheel holds besides Python code and metadata."""
    (path,) = folder.glob("cache/nexa/wheels/*/*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if not name.endswith(".py") and "dist-info" not in name}


LIBRARIES = {f"llama_cpp/lib/lib{name}.so" for name in ("ggml", "ggml-base", "llama", "mtmd")}


def test_a_lean_wheel_holds_each_library_once_and_nothing_else(folder: Path) -> None:
    ended = set_up(folder, {})
    assert ended.returncode == 0, ended.stderr
    assert "lean" not in ended.stdout
    assert wheel(folder) == LIBRARIES


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("vendor/llama.cpp/src/CMakeLists.txt", "llama-grammar.cpp", "", "llama has no source llama-grammar.cpp"),
        ("vendor/llama.cpp/CMakeLists.txt", "if(LLAMA_BUILD_COMMON)", "if(TRUE)", "builds its target llama-common"),
        ("vendor/llama.cpp/src/models/b.cpp", "int b()", "int a()", "its log is "),
    ],
)
def test_where_the_lean_build_does_not_fit_all_is_compiled(
    folder: Path, file: str, old: str, new: str, reason: str
) -> None:
    ended = set_up(folder, {file: (old, new)})
    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stdout.splitlines() if "lean" in line]
    assert len(said) == 1
    assert said[0].startswith("setup: the lean build does not fit this llama.cpp: ")
    assert reason in said[0]
    assert "setup: compiling all of llama.cpp instead, which takes several times as long" in ended.stdout
    assert wheel(folder) > LIBRARIES
