"""Root file systems of Debian 12, made by debootstrap once and kept as tar files."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

SUITE = "bookworm"

_LEFT_OUT = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")


def require_root_and(*programs: str) -> None:
    """Skip the test where it does not run as root, or a program is missing."""
    if os.geteuid() != 0:
        pytest.skip("expected to run as root")
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"expected {', '.join(programs)}; not installed: {', '.join(missing)}")


def kept_folder() -> Path:
    """Where the tar files are kept: they survive a clean of the repository."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(cache) / "nexa" / "chroot"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def debian_tar(packages: Sequence[str] = ()) -> Path:
    """A tar of Debian 12's smallest root file system and ``packages``; made if it is not kept yet.

    Several processes may ask at once: one makes it, the others wait.
    """
    words = ",".join(sorted(packages))
    name = f"debian-12-{hashlib.sha256(words.encode()).hexdigest()[:8] if words else 'minbase'}"
    return _kept(name, partial(_make, packages=words))


def slim_debian_tar() -> Path:
    """A tar of what Docker's ``debian:12-slim`` holds: without documents and translations, also of later packages."""
    return _kept("debian-12-slim", partial(_make_slim, debian_tar()))


def unpack(tar: Path, folder: Path) -> None:
    """Unpack a root file system, with its owners and modes."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-xpf", tar, "-C", folder, "--numeric-owner"], check=True)


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    kept = kept_folder() / f"{name}.tar"
    with open(kept_folder() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            make(kept)
    return kept


def _make_slim(whole: Path, tar: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="nexa-debian-", dir=tar.parent) as folder:
        root, draft = Path(folder) / "root", Path(folder) / "tar"
        unpack(whole, root)
        for name in _LEFT_OUT:
            shutil.rmtree(root / name, ignore_errors=True)
            (root / name).mkdir()
        (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("".join(f"path-exclude /{name}/*\n" for name in _LEFT_OUT))
        (root / "etc/apt/apt.conf.d/slim").write_text('Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";\n')
        subprocess.run(["tar", "-cf", draft, "-C", root, "--numeric-owner", "."], check=True)
        draft.rename(tar)


def _make(tar: Path, packages: str) -> None:
    include = [f"--include={packages}"] if packages else []
    with tempfile.TemporaryDirectory(prefix="nexa-debian-", dir=tar.parent) as folder:
        root, draft = Path(folder) / "root", Path(folder) / "tar"
        command = ["debootstrap", "--variant=minbase", *include, SUITE, str(root)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert made.returncode == 0, f"{made.stdout[-2000:]}\n{made.stderr[-2000:]}"
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        (root / "var/cache/apt/archives/partial").mkdir(parents=True)
        subprocess.run(["tar", "-cf", draft, "-C", root, "--numeric-owner", "."], check=True)
        draft.rename(tar)
