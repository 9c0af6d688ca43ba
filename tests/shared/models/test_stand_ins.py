"""Names that clients have built in."""

from __future__ import annotations

import pytest

from shared.models.catalog import load_catalog
from shared.models.stand_ins import load_stand_ins, stands_for


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("text", ["gpt-4o", "gpt-5-codex", "gpt-3.5-turbo", "GPT-4o", "gpt-4o:latest", "chatgpt-4o-latest"]),
        (
            "text",
            ["o1", "o1-mini", "o3", "o4-mini", "codex-mini-latest", "claude-sonnet-4-5-20250929"],
        ),
        ("speech", ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize"]),
        ("image", ["dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1-mini", "chatgpt-image-latest"]),
        ("embedding", ["text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"]),
        ("voice", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"]),
        (None, ["", "smollm2", "o", "o2", "ollama", "o1js", "gpt", "gpt2", "gpt-j-6b", "gpt-neox-20b", "my-gpt-4o"]),
        (None, ["gpt-oss", "gpt-oss:20b", "gpt-oss-120b", "gpt-oss-20b-mxfp4", "gpt-oss-7b", "openai/gpt-oss-20b"]),
    ],
)
def test_the_kind_that_a_name_stands_for(kind: str | None, names: list[str]) -> None:
    assert {name: stands_for(name) for name in names} == dict.fromkeys(names, kind)


def test_no_model_of_the_catalog_is_hidden() -> None:
    names = [name for entry in load_catalog() for name in entry.names]
    assert [name for name in names if stands_for(name) is not None] == []
    assert [name for name in names for stand_in in load_stand_ins() if stand_in.has(name)] == []
