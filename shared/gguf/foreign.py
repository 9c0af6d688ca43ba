"""Names the format of a file that was expected to be GGUF and is not."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a git-lfs pointer; get the file with: git lfs pull"),
    (b"PK\x03\x04", "a zip archive, perhaps a PyTorch checkpoint (.ckpt, .pt)"),
    (b"\x80\x02", "a Python pickle, perhaps a PyTorch checkpoint (.ckpt)"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"lmgg", "a GGML file, a format before GGUF"),
    (b"fmgg", "a GGMF file, a format before GGUF"),
    (b"tjgg", "a GGJT file, a format before GGUF"),
    (b"FUGG", "a file whose magic number is byte-swapped"),
    (b"{", "JSON text"),
)


def describe_foreign_file(head: bytes, size_bytes: int) -> str:
    """Complete "got ..." in an error message, from the first few hundred bytes of a file and its size."""
    if size_bytes == 0:
        return "an empty file"
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "an HTML page; the download may have ended in an error page"
    for signature, description in _SIGNATURES:
        if head.startswith(signature):
            return description
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size_bytes:
        return "a safetensors file"
    if not any(head):
        return "zero bytes; the download may be unfinished"
    return f"a file that begins with {head[:4]!r}"
