"""What the server's listening sockets have in common."""

from __future__ import annotations

BACKLOG = 65_535
"""Connections that wait to be accepted. The kernel allows up to ``net.core.somaxconn``."""

RECEIVE_BUFFER_BYTES = 256 * 1024
"""Of each connection, in the kernel, instead of what it finds best, which is up to 32 MiB: hundreds of large uploads
would take all memory that it has for TCP, and then packets of everybody are lost."""
