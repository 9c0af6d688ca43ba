"""Where a folder's chat template is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.models.tokenizer_folders import write_json
from workers.chat.template_source import TemplateSource
from workers.engine import EngineLoadError
from workers.onnx.text.chat_template import read_template


def test_a_folder_may_have_none(tmp_path: Path) -> None:
    assert read_template(tmp_path) is None
    write_json(tmp_path / "tokenizer_config.json", {"chat_template": None})
    assert read_template(tmp_path) is None


@pytest.mark.parametrize(
    ("setting", "source"),
    [
        ("plain", TemplateSource("plain")),
        ([{"name": "default", "template": "plain"}], TemplateSource("plain")),
        (
            [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}],
            TemplateSource("plain", "tools"),
        ),
        ([{"name": "tool_use", "template": "tools"}, {"name": "rag", "template": "rag"}], TemplateSource("tools")),
        ([{"name": "other", "template": "other"}], TemplateSource("other")),
        ({"default": "plain", "tool_use": "tools"}, TemplateSource("plain", "tools")),
        ([{"name": "default"}, "?", {"name": 1, "template": "a"}], None),
    ],
)
def test_settings_have_one_or_several(tmp_path: Path, setting: Any, source: TemplateSource | None) -> None:
    write_json(tmp_path / "tokenizer_config.json", {"chat_template": setting})
    assert read_template(tmp_path) == source


def test_files_of_their_own_come_first(tmp_path: Path) -> None:
    write_json(tmp_path / "tokenizer_config.json", {"chat_template": "of the tokenizer"})
    write_json(tmp_path / "chat_template.json", {"chat_template": "of the processor"})
    assert read_template(tmp_path) == TemplateSource("of the processor")
    (tmp_path / "chat_template.jinja").write_text("of its own é", "utf-8")
    assert read_template(tmp_path) == TemplateSource("of its own é")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("with tools")
    assert read_template(tmp_path) == TemplateSource("of its own é", "with tools")


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(EngineLoadError, match=r"^chat_template\.jinja: expected text in UTF-8, got other bytes$"):
        read_template(tmp_path)
