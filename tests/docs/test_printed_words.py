"""Messages, codes and links in the documents for users are real."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from router.jobs.refusals import RefusalReason
from tests.support.documents import PRODUCT, REPOSITORY, prose
from tests.support.printed import DOCUMENTS, sections, table_rows, text_of

ALL = (*DOCUMENTS, "docs/clients.md", "CHANGELOG.md")
_PATH = re.compile(r"(?:router|workers|shared|tests|scripts|docs)/[\w./-]*\w|\.ci/run|pyproject\.toml")
_GAP = "\0"


@functools.cache
def texts() -> str:
    """All strings of the product; values that are filled in are gaps."""
    found = []
    for folder in PRODUCT:
        for file in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else _GAP for part in node.values]
                    found.append("".join(map(str, parts)))
    return "\n".join(found)


def messages() -> list[str]:
    """The messages that the troubleshooting quotes."""
    troubleshooting = text_of("docs/operating.md").partition("## Troubleshooting")[2]
    heads = re.findall(r"^- \*\*(.*?)\*\*\. |^- \*\*(.*?)\*\*,? or$", troubleshooting, re.MULTILINE | re.DOTALL)
    quoted = re.findall(r"`([^`]+)`", "\n".join("".join(head) for head in heads))
    return [message for message in quoted if " " in message and not message.startswith("--cors")]


def test_the_troubleshooting_quotes_messages() -> None:
    assert len(messages()) >= 25


@pytest.mark.parametrize("message", messages())
def test_a_quoted_message_is_one_of_the_code(message: str) -> None:
    for part in re.split(r"\s*…\s*|killed by SIG\w+: ", message):
        if len(part) > 3:
            assert part in texts()


def test_every_error_code_is_one_of_the_code() -> None:
    codes = [
        code for *_, cell in table_rows(sections("docs/api.md")["Errors"]) for code in re.findall(r"`(\w+)`", cell)
    ]
    assert len(codes) > 15
    for code in codes:
        assert f"\n{code}\n" in texts()


def codes_in_the_code() -> set[str]:
    """The codes of errors: ``code=…``, and the last argument after status, message and field."""
    found = {reason.value for reason in RefusalReason}
    for folder in PRODUCT:
        for file in (REPOSITORY / folder).rglob("*.py"):
            for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
                given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
                if ast.unparse(call.func) in ("ApiError", "JobError", "Failed"):
                    given += call.args[3:4]
                found |= {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


def test_every_error_code_of_the_code_is_documented() -> None:
    codes = codes_in_the_code()
    assert len(codes) > 20
    assert sorted(code for code in codes if f"`{code}`" not in sections("docs/api.md")["Errors"]) == []


@pytest.mark.parametrize("document", ALL)
def test_every_link_leads_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text_of(document)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (REPOSITORY / document).parent / path if path else REPOSITORY / document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("document", ALL)
def test_every_path_exists(document: str) -> None:
    quoted = [word for line in prose(text_of(document)) for word in re.findall(r"`([^`]+)`", line)]
    for word in quoted:
        if _PATH.fullmatch(word) and not word.endswith("test_queue.py") and word != "router/jobs/queue.py":
            assert (REPOSITORY / word).exists(), word


def anchors(file: Path) -> set[str]:
    """The anchors that headings have on web pages."""
    heads = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
