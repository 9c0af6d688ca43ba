from __future__ import annotations

import pytest

from workers.llama.chat.tool_format import HERMES, LLAMA3, MISTRAL, ToolFormat, format_of


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% if tools %}<tool_call>{% endif %}", HERMES),
        ("[AVAILABLE_TOOLS] [TOOL_CALLS]", MISTRAL),
        ('{"name": function name, "parameters": dictionary} ipython', LLAMA3),
        ("{{ messages }}", HERMES),
    ],
)
def test_the_format_is_found_in_the_template(template: str, expected: ToolFormat) -> None:
    assert format_of(template) is expected
