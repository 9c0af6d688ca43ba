from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_media.__main__ import main
from scripts.make_media.cache import cache_folder, made
from scripts.make_media.pairs import PAIRS
from scripts.make_media.projectors.colours import COLOURS
from scripts.make_media.texts import word_vectors
from shared.gguf.header import read_gguf_header


@pytest.mark.parametrize(
    ("name", "architecture", "kind"),
    [
        ("smolvlm", "llama", "clip.vision.projector_type"),
        ("qwen2vl", "qwen2vl", "clip.projector_type"),
        ("gemma3", "gemma3", "clip.projector_type"),
        ("ultravox", "llama", "clip.audio.projector_type"),
    ],
)
def test_a_pair_is_a_text_model_and_a_projector(name: str, architecture: str, kind: str) -> None:
    files = made(name)
    model, projector = read_gguf_header(files.model), read_gguf_header(files.projector)
    assert model.metadata["general.architecture"] == architecture
    assert projector.metadata["general.architecture"] == "clip"
    assert projector.metadata["general.type"] == "mmproj"
    assert kind in projector.metadata


def test_pairs_are_made_once() -> None:
    first = made("ultravox").model.stat()
    assert made("ultravox").model.stat().st_mtime_ns == first.st_mtime_ns
    assert made("ultravox").model.is_relative_to(cache_folder())


def test_the_words_of_colours_are_tokens_of_their_own() -> None:
    assert word_vectors(COLOURS).shape == (3, 576)


def test_the_command_writes_a_pair_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gemma3", str(tmp_path / "pair")]) == 0
    assert {path.name for path in (tmp_path / "pair").iterdir()} == {"gemma3.gguf", "mmproj-gemma3.gguf"}
    assert str(tmp_path) in capsys.readouterr().out


@pytest.mark.parametrize("words", [["pixtral", "folder"], ["gemma3"], ["--cached", "pixtral"]])
def test_the_command_refuses_what_it_cannot_make(words: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert exit_.value.code == 2
    assert "pixtral" not in PAIRS
