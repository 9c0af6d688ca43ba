"""Parser, help and documentation follow from the declarations."""

from __future__ import annotations

import argparse

import pytest

from router.cli.main import main
from router.cli.options import add_options
from router.cli.options_table import options_table
from shared.settings.option import DeclaredOption, flag_of
from shared.settings.sources import OPTIONS

FLAGS = [option for option in OPTIONS.values() if not option.spec.is_positional]
FORMER_FLAGS = [
    option for option in FLAGS if option.spec.former is not None and flag_of(option.spec.former.name) != option.flag
]


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser


def test_only_given_options_are_in_the_result(parser: argparse.ArgumentParser) -> None:
    assert vars(parser.parse_args([])) == {}
    found = parser.parse_args(["--nctx", "5", "--image-host", "a", "--image-host", "b", "--insecure"])
    assert vars(found) == {"context_tokens": "5", "image_hosts": ["a", "b"], "insecure": True}


@pytest.mark.parametrize("option", FORMER_FLAGS, ids=lambda option: option.name)
def test_former_flags_work_but_are_not_in_the_help(parser: argparse.ArgumentParser, option: DeclaredOption) -> None:
    assert option.spec.former is not None
    former = option.spec.former.name
    assert vars(parser.parse_args([flag_of(former), "1"])) == {former: "1"}
    assert f"{flag_of(former)} " not in parser.format_help()


def test_help_names_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["server", "--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for option in FLAGS:
        assert f"{option.flag} " in said
        assert option.spec.help in said
    for text in ("(default 8000)", "(default 10m)", "(default 1G)", "--config", "NEXA_LOG_FORMAT", "smollm2@slots=4"):
        assert text in said


def test_the_table_has_a_row_for_each_option() -> None:
    rows = options_table().splitlines()
    for option in FLAGS:
        (row,) = (row for row in rows if row.startswith(f"| `{option.flag}") and f"| `{option.variable}` |" in row)
        assert option.spec.help in row
    assert (
        "| `--cache-ram`, `NEXA_CACHE_RAM`, `cache_ram` | `--cache-bytes`, `NEXA_CACHE_BYTES`, `cache_bytes` |" in rows
    )
