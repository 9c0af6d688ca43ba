"""The chat template in a model's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.engines.onnx.folders import MAX_CONFIG_BYTES
from workers.chat.template_source import TemplateSource
from workers.onnx.text.folder_files import read_object, read_text

WITH_TOOLS = "tool_use"
"""The usual name of the template for chats with tools, if there are several."""


def read_template(folder: Path) -> TemplateSource | None:
    """The templates in a folder's files, as transformers looks for them; None if there are none.

    Raises:
        EngineLoadError: a file is damaged.
    """
    named = _named(folder)
    plain = named.get("default", "")
    with_tools = named.get(WITH_TOOLS, "")
    if not plain and not with_tools:
        plain = next(iter(named.values()), "")
    if not plain and not with_tools:
        return None
    return TemplateSource(plain or with_tools, with_tools if plain else "")


def _named(folder: Path) -> dict[str, str]:
    """The templates by their names. Files of their own come before what the settings have."""
    named = _templates(read_object(folder, "tokenizer_config.json").get("chat_template"))
    named |= _templates(read_object(folder, "chat_template.json").get("chat_template"))
    for path in sorted(folder.glob("additional_chat_templates/*.jinja")):
        named[path.stem] = read_text(path, MAX_CONFIG_BYTES) or ""
    text = read_text(folder / "chat_template.jinja", MAX_CONFIG_BYTES)
    return named | ({} if text is None else {"default": text})


def _templates(value: Any) -> dict[str, str]:
    """What a setting has: a text, or a list or an object of texts with names."""
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, dict):
        value = [{"name": name, "template": text} for name, text in value.items()]
    if not isinstance(value, list):
        return {}
    pairs = [(entry.get("name"), entry.get("template")) for entry in value if isinstance(entry, dict)]
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}
