"""Containers of podman, run by root, with images and settings apart from the machine's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.chroot.debian import kept_folder

_CONTAINERS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


class Containers:
    """podman and buildah with a storage of their own, which is kept: what was built once is not built again."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or kept_folder().parent / "containers"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").write_text(_CONTAINERS)
        (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
        self.environment = {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }

    def podman(self, *words: str, code: int = 0) -> str:
        """What ``podman`` prints, which must end with ``code``."""
        return self._said(["podman", *words], code)

    def logs(self, name: str) -> str:
        """What a container's processes wrote."""
        command = ["podman", "logs", name]
        ended = subprocess.run(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
        return ended.stdout

    def buildah(self, *words: str) -> str:
        """What ``buildah`` prints, which must end well."""
        return self._said(["buildah", *words], 0)

    def import_once(self, tar: Path, name: str) -> None:
        """Make a root file system an image, unless it is one already."""
        label = f"nexa.tar={tar.name}-{tar.stat().st_mtime_ns}"
        if not self.podman("images", "--quiet", "--filter", f"label={label}", "--filter", f"reference={name}").strip():
            self.podman("import", "--quiet", "--change", f"LABEL {label}", str(tar), name)

    def _said(self, command: Sequence[str], code: int) -> str:
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert ended.returncode == code, f"{' '.join(command)}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout


class Container:
    """A container that runs."""

    def __init__(self, containers: Containers, name: str) -> None:
        self._containers = containers
        self.name = name

    def do(self, *command: str, code: int = 0) -> str:
        """What a command in the container prints, which must end with ``code``."""
        return self._containers.podman("exec", self.name, *command, code=code)

    def remove(self) -> None:
        """End it at once, and forget it."""
        self._containers.podman("rm", "--force", "--time", "0", "--volumes", self.name)
