"""A machine with nothing but Debian: a folder that commands run in, with this machine's network, pip and apt."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.chroot.debian import debian_tar, unpack
from tests.support.documents import REPOSITORY

SETTINGS = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/xdg/pip", "/etc/ssl/certs/ca-certificates.crt")
"""What is copied, besides the settings of apt."""
VARIABLES = ("PIP_", "SSL_CERT_", "REQUESTS_CA", "http_", "https_", "no_proxy", "HTTP_", "HTTPS_", "NO_PROXY")
"""Beginnings of the variables that are passed on."""

_ENTER = """
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/dev/shm" || exit 125
root="$1"; shift
exec chroot "$root" "$@"
"""


@dataclass(frozen=True)
class FinishedCommand:
    """A command that has ended: its exit code, output, seconds and CPU seconds."""

    code: int
    output: str
    seconds: float
    cpu_seconds: float


class BareMachine:
    """Debian 12's smallest root file system in ``root``, with the repository's last commit in ``/root/nexa``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        unpack(debian_tar(), root)
        for path in Path("/etc/apt").iterdir():
            self._copy(path)
        for keyring in Path("/usr/share/keyrings").glob("debian-*"):
            self._copy(keyring)
        clone = ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(root / "root/nexa")]
        subprocess.run(clone, check=True)

    def command(self, *words: str) -> list[str]:
        """The command line that runs words in the machine; all that they start dies with it."""
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*unshare, "sh", "-c", _ENTER, "sh", str(self.root), *words]

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of its commands."""
        passed = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {**passed, "PATH": path, "HOME": "/root", "LANG": "C.UTF-8", **variables}

    def run(self, text: str, timeout_s: float, **variables: str) -> FinishedCommand:
        """Run a shell command in the folder of the repository."""
        for setting in SETTINGS:  # again and again: packages that were installed may have replaced them
            self._copy(Path(setting))
        before, started_at_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        ended = subprocess.run(
            self.command("bash", "-c", f"cd /root/nexa && {text}"),
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return FinishedCommand(ended.returncode, ended.stdout, time.monotonic() - started_at_s, cpu_s)

    def _copy(self, path: Path) -> None:
        target = self.root / path.relative_to("/")
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        elif path.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
