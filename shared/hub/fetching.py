"""One file of a hub repository: where it may be written, and which content it must have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shared.engines.files import HubFile
from shared.errors import ModelError
from shared.hub.pull_progress import PullProgress
from shared.models.source import HubSource, is_safe_relative

if TYPE_CHECKING:
    from shared.hub.client import Hub, HubRepo


def download_into(hub: Hub, repo: HubRepo, file: HubFile, base: Path, progress: PullProgress) -> None:
    """Download a file to its place in the folder ``base``. Raises :class:`ModelError` for a place outside of it."""
    if not is_safe_relative(file.path):
        raise ModelError(f"hf:{repo.repo}: expected safe relative names, got {file.path[:100]!r}")
    target = base / file.path
    if not target.parent.resolve().is_relative_to(base.resolve()):
        raise ModelError(f"hf:{repo.repo}: {file.path} would be written outside {base}")
    hub.download(repo, file, target, progress)


def pinned(source: HubSource, file: HubFile, sha256: str) -> HubFile:
    """The file with the hash of the catalog. Raises :class:`ModelError` if the hub has another file by this name."""
    if file.sha256 not in (None, sha256):
        raise ModelError(
            f"{source}: expected {file.path} with sha256 {sha256[:12]}..., got {str(file.sha256)[:12]}...; "
            f"it was replaced on the hub; to use it all the same: hf:{source.repo}:{file.path}"
        )
    return replace(file, sha256=sha256)
