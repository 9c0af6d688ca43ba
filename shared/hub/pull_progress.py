"""How a download tells how far it is. What shows it, and what downloads, need libraries that a server seldom does."""

from __future__ import annotations

from typing import Protocol

from shared.engines.files import HubFile


class PullProgress(Protocol):
    """Shows a download. ``done_bytes`` are here already, from an interrupted one."""

    def start(self, file: HubFile, done_bytes: int) -> None: ...

    def advance(self, count_bytes: int) -> None: ...

    def finish(self) -> None: ...


class SilentProgress:
    """Shows nothing."""

    def start(self, file: HubFile, done_bytes: int) -> None:
        """A file begins."""

    def advance(self, count_bytes: int) -> None:
        """Bytes have arrived, or have been discarded if negative."""

    def finish(self) -> None:
        """The download has ended or failed."""
