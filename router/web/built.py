"""The files of the page, as ``npm run build`` has made them of the sources beside this module."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

BUILT = Path(__file__).with_name("built")
INDEX = "index.html"
MIN_COMPRESSED_BYTES = 1024

_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}


@dataclass(frozen=True)
class BuiltFile:
    """A file of the page: its path below the page's URL, and its bytes."""

    path: str
    content: bytes

    @cached_property
    def compressed(self) -> bytes | None:
        """The bytes with gzip, None where that does not make them smaller."""
        if len(self.content) < MIN_COMPRESSED_BYTES:
            return None
        packed = gzip.compress(self.content, 9, mtime=0)
        return packed if len(packed) < len(self.content) else None

    @property
    def media_type(self) -> str:
        """The type for ``Content-Type``."""
        suffix = Path(self.path).suffix
        return _TYPES.get(suffix) or mimetypes.guess_type(self.path)[0] or "application/octet-stream"

    @property
    def is_hashed(self) -> bool:
        """Whether its name changes whenever its content does."""
        return len(Path(self.path).stem.rpartition("-")[2]) >= 8 and Path(self.path).suffix in (".js", ".css")

    @cached_property
    def etag(self) -> str:
        """Names this content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:24]}"'


def built_files(folder: Path = BUILT) -> dict[str, BuiltFile]:
    """All files of the page by their path; empty if it has not been built."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        name: BuiltFile(name, path.read_bytes()) for path in paths for name in [path.relative_to(folder).as_posix()]
    }
