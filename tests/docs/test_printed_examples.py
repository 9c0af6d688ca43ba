"""The examples in the documents for users can be run; ``tests/slow/test_printed_examples.py`` runs them."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import build_parsers
from shared.settings.loading import load_options
from tests.support.documents import REPOSITORY
from tests.support.printed import DOCUMENTS, NOT_RUN, RUN, Example, commands, examples, text_of

EXAMPLES = examples(*DOCUMENTS)
SHELL = [example for example in EXAMPLES if example.language == "sh"]
_ASSIGNMENT = re.compile(r"\w+=")
KNOWN_LANGUAGES = RUN | {"json", "jsonc", "toml", "text"}


def calls_of(program: str) -> list[tuple[Example, list[str]]]:
    """The words after ``program`` in all shell examples."""
    found = []
    for example in SHELL:
        for command in commands(example.text):
            words = list(itertools.dropwhile(_ASSIGNMENT.match, command))
            if words and words[0] == program:
                found.append((example, words[1:]))
    return found


def test_there_are_examples_and_each_has_a_language() -> None:
    assert len(EXAMPLES) > 40
    assert {example.language for example in EXAMPLES} <= KNOWN_LANGUAGES


def test_every_exception_is_an_example_that_would_be_run() -> None:
    for beginning in NOT_RUN:
        assert any(example.text.startswith(beginning) for example in SHELL), beginning


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.language in ("json", "jsonc")], ids=str)
def test_a_printed_answer_is_json(example: Example) -> None:
    assert isinstance(json.loads(example.text), dict)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.language == "toml"], ids=str)
def test_a_printed_settings_file_is_accepted(example: Example, tmp_path: Path) -> None:
    file = tmp_path / "nexa.toml"
    file.write_text(example.text)
    loaded = load_options({}, str(file))
    assert [model.spec for model in loaded.models] == tomllib.loads(example.text)["model_path"]
    assert loaded.warnings == ()


def test_every_printed_command_of_nexa_is_accepted() -> None:
    parser, server_parser = build_parsers()
    calls = calls_of("nexa")
    assert len(calls) > 20
    for example, words in calls:
        if words[0] != "server":
            parser.parse_args(words)
            continue
        found: dict[str, Any] = vars(server_parser.parse_intermixed_args(words[1:]))
        config, models = found.pop("config"), found.pop("model_path")
        if config is None:
            loaded = load_options(found | {"model_path": models}, None)
            assert len(loaded.models) == len(models), example
            assert loaded.warnings == (), example


def test_every_printed_make_target_and_extra_exists() -> None:
    targets = re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE)
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    calls = calls_of("make")
    assert len(calls) > 5
    for example, words in calls:
        assert words[0] in targets, example
        for word in words[1:]:
            if word.startswith("EXTRAS="):
                assert set(word.removeprefix("EXTRAS=").split(",")) <= extras.keys(), example


def test_every_printed_flag_of_a_script_exists() -> None:
    scripts = [words for _, words in calls_of(".venv/bin/python") if words[1].startswith("scripts.")]
    assert scripts
    for words in scripts:
        command = [sys.executable, "-m", words[1], "--help"]
        text = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
        for flag in (word for word in words[2:] if word.startswith("--")):
            assert flag in text, words
