"""A client of the model hub: lists the files of a repository, and downloads them with resuming and checks.

It follows ``HF_ENDPOINT`` and ``HF_TOKEN``. The transfer is our own loop over ``huggingface_hub``'s HTTP session: its
``hf_hub_download`` (2.x) keeps nothing of an interrupted download and checks no hash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import HfApi, constants, get_session, get_token, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from shared.engines.files import HubFile
from shared.errors import ModelError
from shared.hub.pull_progress import PullProgress

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_MAX_FAILURES = 5
"""A download is given up after this many attempts in a row that bring no byte."""
_SPARE_DISK_BYTES = 64 * 1024 * 1024
"""Disk space to leave free beyond the file."""


class HubError(ModelError):
    """A repository or file of the hub that cannot be fetched."""


@dataclass(frozen=True, slots=True)
class HubRepo:
    """One commit of a repository: its files, and the licence on its card (empty if there is none)."""

    repo: str
    commit: str
    files: tuple[HubFile, ...]
    licence: str


class _Interrupted(Exception):
    """The connection broke before the end of the file. What has arrived is kept."""


class Hub:
    """A client of one hub. ``retry_delay_s`` is the pause between attempts, doubled after each that brings nothing."""

    def __init__(self, endpoint: str | None = None, token: str | None = None, retry_delay_s: float = 1.0) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        self._token = token
        self._retry_delay_s = retry_delay_s

    def repo(self, repo: str) -> HubRepo:
        """List the files of the newest commit of ``repo``. Raises :class:`HubError`."""
        with self._hub_errors(repo):
            info = HfApi(endpoint=self.endpoint, token=self._token).model_info(
                repo, files_metadata=True, timeout=_TIMEOUT_S
            )
        files: list[HubFile] = []
        for sibling in info.siblings or []:
            if sibling.size is None:
                raise HubError(
                    f"{sibling.rfilename[:100]!r} of {repo}: expected a size from the hub at {self.endpoint}, got none"
                )
            sha256 = sibling.lfs.sha256 if sibling.lfs else None
            git_sha1 = None if sibling.lfs else sibling.blob_id
            files.append(HubFile(sibling.rfilename, sibling.size, sha256, git_sha1))
        if not info.sha:
            raise HubError(f"{repo}: expected a commit from the hub at {self.endpoint}, got none")
        licence = info.card_data.get("license") if info.card_data else None
        return HubRepo(repo, info.sha, tuple(files), licence if isinstance(licence, str) else "")

    def download(self, repo: HubRepo, file: HubFile, target: Path, progress: PullProgress) -> None:
        """Download ``file`` to ``target``, resuming an interrupted attempt.

        Bytes go to a ``.part`` file beside ``target``, which is renamed once size and hash are right. The caller must
        check that ``target`` is safe: ``file.path`` comes from the hub. Raises :class:`HubError`.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if _find_damage(file, target) is None:
                return
            target.unlink()
        content_id = file.sha256 or file.git_sha1 or repo.commit
        partial = target.with_name(f"{target.name[:150]}.{content_id[:16]}.part")
        with partial.open("ab+") as out:
            size_bytes = out.seek(0, os.SEEK_END)
            if size_bytes > file.size_bytes:
                out.truncate(0)
                size_bytes = 0
            self._check_disk(target.parent, file.size_bytes - size_bytes, file.path)
            progress.start(file, size_bytes)
            try:
                self._fill(repo, file, out, progress)
            finally:
                progress.finish()
        damage = _find_damage(file, partial)
        if damage:
            partial.unlink()
            raise HubError(f"{file.path} of {repo.repo}: {damage}; the download was discarded, pull it again")
        partial.replace(target)

    def _fill(self, repo: HubRepo, file: HubFile, out: BinaryIO, progress: PullProgress) -> None:
        """Append to ``out`` until it has the size of ``file``."""
        failures = 0
        while (done_bytes := out.seek(0, os.SEEK_END)) < file.size_bytes:
            with self._hub_errors(repo.repo, file.path):
                try:
                    self._stream(repo, file, out, progress)
                    cause = "the connection ended early"
                except _Interrupted as error:
                    cause = str(error)
            failures = 0 if out.seek(0, os.SEEK_END) > done_bytes else failures + 1
            if failures >= _MAX_FAILURES:
                raise HubError(
                    f"download of {file.path} from {repo.repo} stopped at {done_bytes:,} of {file.size_bytes:,} bytes "
                    f"({cause}); run it again to resume"
                )
            if out.tell() < file.size_bytes:
                time.sleep(self._retry_delay_s * 2**failures)

    def _stream(self, repo: HubRepo, file: HubFile, out: BinaryIO, progress: PullProgress) -> None:
        url = hf_hub_url(repo.repo, file.path, revision=repo.commit, endpoint=self.endpoint)
        headers = {"Accept-Encoding": "identity", "User-Agent": "nexa-server"}
        token = self._token or get_token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        done_bytes = out.tell()
        if done_bytes:
            headers["Range"] = f"bytes={done_bytes}-"
        try:
            with get_session().stream(
                "GET", url, headers=headers, timeout=_TIMEOUT_S, follow_redirects=True
            ) as response:
                if response.status_code >= 500:
                    raise _Interrupted(f"the hub answered {response.status_code}")
                if response.status_code >= 400:
                    code = response.headers.get("X-Error-Code")
                    raise HubError(self._refusal(repo.repo, file.path, response.status_code, code))
                if done_bytes and response.status_code != 206:
                    out.truncate(0)
                    progress.advance(-done_bytes)
                    done_bytes = 0
                for (
                    chunk
                ) in response.iter_bytes():  # with a chunk size, a broken connection would lose what is buffered
                    done_bytes += len(chunk)
                    if done_bytes > file.size_bytes:
                        out.truncate(0)
                        raise HubError(f"{file.path} of {repo.repo}: expected {file.size_bytes:,} bytes, got more")
                    out.write(chunk)
                    progress.advance(len(chunk))
        except Exception as error:
            if _is_transport_error(error):
                raise _Interrupted(_one_line(error)) from error
            raise

    def _check_disk(self, folder: Path, needed_bytes: int, name: str) -> None:
        free_bytes = shutil.disk_usage(folder).free
        if needed_bytes and needed_bytes + _SPARE_DISK_BYTES > free_bytes:
            raise HubError(
                f"not enough disk space for {name}: expected {needed_bytes:,} free bytes in {folder}, "
                f"got {free_bytes:,}; set NEXA_MODELS to a folder on a larger disk"
            )

    @contextmanager
    def _hub_errors(self, repo: str, file: str = "") -> Iterator[None]:
        """Turn errors of ``huggingface_hub`` into a :class:`HubError` of one line."""
        what = f"{file} of {repo}" if file else repo
        try:
            yield
        except OfflineModeIsEnabled:
            raise HubError(f"cannot fetch {what}: HF_HUB_OFFLINE is set") from None
        except HfHubHTTPError as error:
            code = error.response.headers.get("X-Error-Code")
            raise HubError(self._refusal(repo, file, error.response.status_code, code)) from None
        except HFValidationError as error:
            raise HubError(f"model: expected a hub repository, got {repo!r}: {_one_line(error)}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise HubError(
                f"{what}: expected a model hub's answer from {self.endpoint}, got something else: {_one_line(error)}"
            ) from None
        except Exception as error:
            if not _is_transport_error(error):
                raise
            raise HubError(f"{what}: cannot reach the hub at {self.endpoint}: {_one_line(error)}") from None

    def _refusal(self, repo: str, file: str, status: int, code: str | None) -> str:
        """Explain an HTTP error. ``code`` is the hub's ``X-Error-Code``; the 401 for an unknown repository has none."""
        if code == "GatedRepo":
            return (
                f"{repo} is gated: accept its terms at {self.endpoint}/{repo}, then set HF_TOKEN to a token of "
                "your account there"
            )
        if code == "EntryNotFound" or (status == 404 and file):
            return f"hub repository {repo} has no file {file}"
        if status in (401, 404):
            return f"the hub at {self.endpoint} has no model {repo}, or it is private (then set HF_TOKEN)"
        what = f"{file} of {repo}" if file else repo
        if status == 403:
            return f"{what}: the hub refused it (403); set HF_TOKEN to a token that may read it"
        if status == 429:
            return f"{what}: too many requests to the hub (429); try again later, or set HF_TOKEN for a higher limit"
        return f"{what}: the hub at {self.endpoint} answered {status}"


def _find_damage(file: HubFile, path: Path) -> str | None:
    """How the content of ``path`` differs from the size and hash of ``file``; None if it does not."""
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        return f"expected {file.size_bytes:,} bytes, got {size_bytes:,}"
    if file.sha256:
        expected, digest = file.sha256, hashlib.sha256()
    elif file.git_sha1:
        expected, digest = file.git_sha1, hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
    else:
        return None
    with path.open("rb") as data:
        while chunk := data.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() == expected.lower():
        return None
    return f"expected {digest.name} {expected[:12]}..., got {digest.hexdigest()[:12]}..."


def _is_transport_error(error: Exception) -> bool:
    """Whether ``error`` comes from the HTTP client: httpx or httpx2, depending on the version of huggingface_hub."""
    return type(error).__module__.partition(".")[0] in ("httpx", "httpx2") and not isinstance(error, HfHubHTTPError)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
