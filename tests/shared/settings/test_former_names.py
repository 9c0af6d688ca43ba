"""Former names of options: accepted for one release, with a warning, in their former units."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings.loading import LoadedOptions, load_options
from shared.settings.option import OptionError
from shared.settings.sources import OPTIONS

FORMER = {
    "cache_ram": ("50", "cache_bytes", 50_000_000),
    "max_upload": ("5", "max_upload_bytes", 5_000_000),
    "output_mb": ("3", "output_keep_bytes", 3_000_000),
    "output_hours": ("0.5", "output_keep_s", 1800.0),
    "default_timeout": ("2.5", "default_timeout_s", 2.5),
    "max_timeout": ("20", "max_timeout_s", 20.0),
    "drain_timeout": ("2.5", "drain_timeout_s", 2.5),
    "resume_timeout": ("2.5", "resume_timeout_s", 2.5),
    "nctx": ("512", "context_tokens", 512),
    "cors_origin": ("https://a.example", "cors_origins", ("https://a.example",)),
    "image_host": ("a.example,b.example", "image_hosts", ("a.example", "b.example")),
    "alias": ("a=b", "aliases", ("a=b",)),
}
UNCHANGED_FLAGS = {"nctx", "cors_origin", "image_host", "alias"}

everyone = pytest.mark.parametrize(
    ("former", "given", "name", "value"), [(former, *row) for former, row in FORMER.items()]
)


def check(loaded: LoadedOptions, name: str, value: object, warning: str) -> None:
    assert getattr(loaded.options, name) == value
    assert loaded.warnings == (f"{warning}; the old name stops working in the next release",)


def test_every_former_name_is_tested() -> None:
    declared = {option.spec.former.name for option in OPTIONS.values() if option.spec.former is not None}
    assert declared == set(FORMER)


@everyone
def test_in_the_environment(monkeypatch: pytest.MonkeyPatch, former: str, given: str, name: str, value: object) -> None:
    monkeypatch.setenv(f"NEXA_{former.upper()}", given)
    check(load_options({}, None), name, value, f"NEXA_{former.upper()} is now NEXA_{name.upper()}")


@everyone
def test_in_the_file(tmp_path: Path, former: str, given: str, name: str, value: object) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text(f"{former} = {given if given.replace('.', '').isdigit() else repr(given)}")
    check(load_options({}, str(config)), name, value, f"{former} in {config} is now {name} in {config}")


@everyone
def test_on_the_command_line(former: str, given: str, name: str, value: object) -> None:
    loaded = load_options({former: given}, None)
    if former in UNCHANGED_FLAGS:
        assert loaded.warnings == ()
    else:
        check(loaded, name, value, f"--{former.replace('_', '-')} is now --{name.replace('_', '-')}")


def test_the_current_name_wins_over_the_former_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXA_CACHE_RAM", "1")
    monkeypatch.setenv("NEXA_CACHE_BYTES", "2M")
    loaded = load_options({}, None)
    assert loaded.options.cache_bytes == 2_000_000
    assert len(loaded.warnings) == 1
    assert load_options({"cache_ram": "3"}, None).options.cache_bytes == 3_000_000


def test_a_wrong_value_under_a_former_name_is_refused_under_that_name(tmp_path: Path) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text("cache_ram = true")
    with pytest.raises(OptionError) as refused:
        load_options({}, str(config))
    assert str(refused.value).startswith(f"cache_ram in {config}: expected a size from 0 to 100T bytes")
    with pytest.raises(OptionError, match=r"--max-upload: expected a size .*, got 'x'"):
        load_options({"max_upload": "x"}, None)


@pytest.mark.parametrize("alias", ["5", "1e3", "nan"])
def test_a_list_under_a_former_name_is_text_even_if_it_looks_like_a_number(
    monkeypatch: pytest.MonkeyPatch, alias: str
) -> None:
    monkeypatch.setenv("NEXA_ALIAS", alias)
    assert load_options({}, None).options.aliases == (alias,)


def test_the_former_option_with_a_larger_range_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXA_OUTPUT_HOURS", "1000000")
    assert load_options({}, None).options.output_keep_s == 3.6e9
