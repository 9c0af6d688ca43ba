"""Say what a file is that was given as a GGUF and is not one."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "it is a git-lfs pointer; the real file was never downloaded (git lfs pull)"),
    (b"PK\x03\x04", "it is a zip archive, perhaps a PyTorch checkpoint (.ckpt, .pt)"),
    (b"\x80\x02", "it is a Python pickle, perhaps a PyTorch checkpoint (.ckpt)"),
    (b"\x1f\x8b", "it is gzip-compressed; unpack it first"),
    (b"lmgg", "it is in the GGML format that came before GGUF"),
    (b"fmgg", "it is in the GGMF format that came before GGUF"),
    (b"tjgg", "it is in the GGJT format that came before GGUF"),
    (b"FUGG", "its magic is byte-swapped"),
    (b"{", "it is JSON text"),
)


def describe_foreign_file(head: bytes, size_bytes: int) -> str:
    """Name the kind of a file from its first bytes (some hundred) and its size, for an error message."""
    if size_bytes == 0:
        return "it is empty"
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is an HTML page, perhaps a download that ended in an error page"
    for signature, description in _SIGNATURES:
        if head.startswith(signature):
            return description
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size_bytes:
        return "it is a safetensors file"
    if not any(head):
        return "it begins with zero bytes, perhaps a download that was never finished"
    return f"it begins with {head[:4]!r} instead of b'GGUF'"
