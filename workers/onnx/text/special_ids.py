"""Which tokens begin a text and end an answer, as the files beside a tokenizer.json say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.onnx.text.folder_files import read_object


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """What a folder's settings say of its tokens.

    ``bos_text`` and ``eos_text`` are texts of tokens, empty if the settings do not have them. ``bos`` and ``eos`` are
    ids, the most important first. ``adds_bos`` and ``adds_eos`` are None if the tokenizer.json decides. ``size`` is the
    number of logits. ``file`` is the one that should have the ids.
    """

    bos_text: str
    eos_text: str
    bos: list[int]
    eos: list[int]
    adds_bos: bool | None
    adds_eos: bool | None
    size: int | None
    file: str


def read_special_ids(folder: Path) -> SpecialIds:
    """Read the settings beside a tokenizer.json. Those that a folder lacks count as empty.

    Raises:
        EngineLoadError: one of them is damaged.
    """
    tokenizer = read_object(folder, "tokenizer_config.json")
    texts = [tokenizer, read_object(folder, "special_tokens_map.json")]
    genai = read_object(folder, "genai_config.json").get("model")
    config = read_object(folder, "config.json")
    of_model = genai if isinstance(genai, dict) else {}
    inner = config.get("text_config")
    of_text = inner if isinstance(inner, dict) else {}
    ids = [of_model, read_object(folder, "generation_config.json"), config, of_text]
    return SpecialIds(
        bos_text=_text(texts, "bos_token"),
        eos_text=_text(texts, "eos_token"),
        bos=list(_ids(ids, "bos_token_id")),
        eos=list(_ids(ids, "eos_token_id")),
        adds_bos=_flag(tokenizer, "add_bos_token"),
        adds_eos=_flag(tokenizer, "add_eos_token"),
        size=next(_ids([of_model, config, of_text], "vocab_size"), None),
        file="genai_config.json" if of_model else "generation_config.json",
    )


def _text(settings: list[dict[str, Any]], name: str) -> str:
    for values in settings:
        value = values.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            return text
    return ""


def _ids(settings: list[dict[str, Any]], name: str) -> Iterator[int]:
    """The numbers in all settings; a list holds several."""
    for values in settings:
        value = values.get(name)
        yield from (number for number in (value if isinstance(value, list) else [value]) if type(number) is int)


def _flag(values: dict[str, Any], name: str) -> bool | None:
    value = values.get(name)
    return value if isinstance(value, bool) else None
