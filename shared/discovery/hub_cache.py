"""Models in the cache of the hub's own libraries.

models--OWNER--NAME/refs/main            the commit that was fetched last
models--OWNER--NAME/snapshots/COMMIT/    its files: links to ...
models--OWNER--NAME/blobs/HASH           ... the contents; HASH.incomplete while one is fetched
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from shared.discovery.found import ModelPlace
from shared.discovery.other_programs import read_small_file
from shared.discovery.sightings import ModelForm, Sighting, sightings_in
from shared.discovery.walking import MAX_ENTRIES, FileFacts, ListedFolder, Problem, list_folder, walk
from shared.models.projectors.names import NamesBeside, named_projector

FETCHING_S = 60.0
"""A repository of which a file was being fetched so short a time ago is not looked at as a whole."""

_FOLDER = re.compile(r"models--(?P<repo>[^/]+)")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEPTH = 4


def hub_sightings(cache: Path, problem: Problem, now_s: float) -> Iterator[Sighting]:
    """The models in the newest commit of each repository that is cached."""
    if not cache.is_dir():
        return
    try:
        folder = list_folder(cache, MAX_ENTRIES)
    except OSError as error:
        problem(cache, f"cannot be read: {error.strerror or error}")
        return
    for name in folder.folders:
        match = _FOLDER.fullmatch(name)
        snapshot = _snapshot(cache / name) if match else None
        if match is None or snapshot is None:
            continue
        repo = match["repo"].replace("--", "/", 1)
        fetching = _is_fetching(cache / name / "blobs", now_s)
        root: ListedFolder | None = None
        for inner in walk(snapshot, problem, max_depth=_DEPTH):
            root = root or inner
            for sighting in sightings_in(inner, ModelPlace.HUB_CACHE):
                beside = sighting.beside or _beside_above(sighting, root)
                yield replace(_completed(sighting, repo, snapshot, fetching), beside=beside)


def _beside_above(sighting: Sighting, root: ListedFolder) -> tuple[FileFacts, ...]:
    """What may be the projector of a model in a folder of the repository: they lie in the repository itself."""
    if sighting.form is not ModelForm.GGUF or sighting.path.parent == root.path:
        return ()
    names = [name for name in NamesBeside(root.names).of(sighting.path.name) if named_projector(name)]
    return tuple(root.facts(*names))


def _completed(sighting: Sighting, repo: str, snapshot: Path, fetching: bool) -> Sighting:
    is_file = sighting.form in (ModelForm.GGUF, ModelForm.CHECKPOINT)
    blob = sighting.path.resolve().name if is_file and len(sighting.files) == 1 else ""
    return replace(
        sighting,
        name="" if is_file else repo.rpartition("/")[2],
        repo=repo,
        root=snapshot,
        sha256=blob if _SHA256.fullmatch(blob) else "",
        is_partial=fetching and not is_file,  # a file is linked when it is whole
    )


def _snapshot(repository: Path) -> Path | None:
    """The folder of the commit that was fetched last; without a note of it, the newest one."""
    snapshots = repository / "snapshots"
    try:
        commit = read_small_file(repository / "refs" / "main").decode("ascii").strip()
    except (OSError, ValueError):
        commit = ""
    if _COMMIT.fullmatch(commit) and (snapshots / commit).is_dir():
        return snapshots / commit
    try:
        folders = [snapshots / name for name in list_folder(snapshots, MAX_ENTRIES).folders]
        return max(folders, key=lambda folder: (folder.stat().st_mtime_ns, folder.name), default=None)
    except OSError:
        return None


def _is_fetching(blobs: Path, now_s: float) -> bool:
    try:
        names = [name for name in list_folder(blobs, MAX_ENTRIES).names if name.endswith(".incomplete")]
    except OSError:
        return False
    found = (FileFacts.of(blobs / name) for name in names)
    return any(facts is not None and now_s - facts.modified_ns / 1e9 < FETCHING_S for facts in found)
