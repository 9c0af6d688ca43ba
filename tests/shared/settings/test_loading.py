"""Options from command line, environment and TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.settings.loading import LoadedOptions, load_options
from shared.settings.option import OptionError
from shared.settings.sources import OPTIONS

BUDGETS = "0 or sizes from 1M, such as 12G, or of one device such as cpu=12G or cuda:0=20G"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "nexa.toml"


def load(config: Path | None = None, toml: str = "", **command_line: Any) -> LoadedOptions:
    if config is not None:
        config.write_text(toml)
    return load_options(command_line, None if config is None else str(config))


def refusal(config: Path | None = None, toml: str = "", **command_line: Any) -> str:
    with pytest.raises(OptionError) as refused:
        load(config, toml, **command_line)
    return str(refused.value)


def test_without_any_source_all_options_have_their_declared_defaults() -> None:
    options = load().options
    assert {name: getattr(options, name) for name in OPTIONS} == {name: o.default for name, o in OPTIONS.items()}


def test_every_default_is_a_value_that_the_option_reads() -> None:
    for name, option in OPTIONS.items():
        assert option.spec.value.read(option.default) == option.default, name


def test_every_name_with_a_unit_shows_it_in_flag_variable_and_default() -> None:
    cache = OPTIONS["cache_bytes"]
    assert (cache.flag, cache.variable, cache.shown_default) == ("--cache-bytes", "NEXA_CACHE_BYTES", "1G")


def test_the_command_line_overrides_the_environment_overrides_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXA_SLOTS", "3")
    monkeypatch.setenv("NEXA_THREADS", "3")
    monkeypatch.setenv("NEXA_PORT", "")
    options = load(config, "slots = 2\nthreads = 2\nport = 2", slots="4").options
    assert (options.slots, options.threads, options.port, options.queue_limit) == (4, 3, 2, 512)


def test_lists_have_commas_in_a_variable_and_are_arrays_in_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXA_IMAGE_HOSTS", "a.example, b.example:81")
    options = load(config, 'cors_origins = ["https://a.example", "*"]').options
    assert options.image_hosts == ("a.example", "b.example:81")
    assert options.cors_origins == ("https://a.example", "*")


@pytest.mark.parametrize("network", ["10.0.0.2", "172.16.0.0/12", "172.16.5.4/12", "fd00::/8"])
def test_proxies_are_addresses_or_networks(network: str) -> None:
    assert load(trusted_proxies=network).options.trusted_proxies == (network,)


@pytest.mark.parametrize("network", ["proxy", "*", "10.0.0.0/33", "10.0.0.2:80"])
def test_a_proxy_is_no_name(network: str) -> None:
    expected = "addresses or networks such as 10.0.0.2 or 172.16.0.0/12"
    assert refusal(trusted_proxies=network) == f"--trusted-proxy: expected {expected}, got {network!r}"


@pytest.mark.parametrize("name", ["ai.example", "my-box", "box_1.lan", "localhost"])
def test_names_of_allowed_hosts(name: str) -> None:
    assert load(allowed_hosts=name).options.allowed_hosts == (name,)


@pytest.mark.parametrize("name", ["https://ai.example", "ai.example:8000", "*.example", "ai.example/v1"])
def test_a_name_that_no_host_header_has_is_refused(name: str) -> None:
    """Before, it was accepted, and never matched."""
    expected = "names such as ai.example, without scheme or port"
    assert refusal(allowed_hosts=name) == f"--allowed-host: expected {expected}, got {name!r}"


@pytest.mark.parametrize(
    ("given", "url"),
    [("", ""), ("https://ai.example/", "https://ai.example"), ("http://[::1]:8000/a", "http://[::1]:8000/a")],
)
def test_a_public_url_ends_without_a_slash(given: str, url: str) -> None:
    assert load(public_url=given).options.public_url == url


@pytest.mark.parametrize(
    "given",
    [
        "ai.example",
        "ftp://a",
        "https://",
        "https://a/?b",
        "https://a/#b",
        "https://u@a",
        "https://a:x",
        "https://a b",
        "https://:80",
    ],
)
def test_a_public_url_is_whole_and_has_nothing_after_its_path(given: str) -> None:
    expected = "a URL such as https://ai.example/nexa, without a query"
    assert refusal(public_url=given) == f"--public-url: expected {expected}, got {given!r}"


@pytest.mark.parametrize("hosts", ["a.example, ", ",a.example", " a.example ,, "])
def test_empty_items_of_a_list_are_ignored(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv("NEXA_IMAGE_HOSTS", hosts)
    assert load().options.image_hosts == ("a.example",)


def test_variables_in_lower_case_are_not_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nexa_slots", "3")
    monkeypatch.setenv("Nexa_Slots", "3")
    assert load().options.slots == OPTIONS["slots"].default


def test_options_of_one_model_override_those_of_all_and_the_command_line_overrides_the_file(config: Path) -> None:
    toml = "slots = 2\n[models.a]\nslots = 3\nthreads = 3\n[models.b]\naliases = ['x', 'y']"
    a, b = load(config, toml, model_path=["a@threads=4,cache-bytes=1Gi", "b"], slots="9").models
    assert (a.spec, a.options.slots, a.options.threads, a.options.cache_bytes) == ("a", 3, 4, 2**30)
    assert (b.spec, b.options.slots, b.options.threads, b.options.aliases) == ("b", 9, 0, ("x", "y"))


def test_the_name_of_an_options_flag_works_too() -> None:
    (model,) = load(model_path=["a@nctx=2048,alias=b"]).models
    assert (model.options.context_tokens, model.options.aliases) == (2048, ("b",))


def test_tables_name_the_models_if_nothing_else_does(config: Path) -> None:
    toml = '[models."hf:owner/repo:*Q4*"]\nslots = 3\n[models."./m.gguf"]'
    assert [(m.spec, m.options.slots) for m in load(config, toml).models] == [
        ("hf:owner/repo:*Q4*", 3),
        ("./m.gguf", 16),
    ]
    assert [m.spec for m in load(config, toml, model_path=["a"]).models] == ["a"]


def test_models_with_options_can_be_given_in_a_variable_and_in_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXA_MODEL_PATH", "a@slots=1,threads=2,b")
    assert [(m.spec, m.options.slots, m.options.threads) for m in load().models] == [("a", 1, 2), ("b", 16, 0)]
    monkeypatch.delenv("NEXA_MODEL_PATH")
    assert load(config, 'model_path = ["a@slots=1"]').models[0].options.slots == 1


def test_a_file_whose_name_looks_like_options_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "m@slots=2.gguf").touch()
    plain, with_options, other = load(
        model_path=[f"{tmp_path}/m@slots=2.gguf", f"{tmp_path}/m@slots=2.gguf@slots=3", "m@home.gguf"]
    ).models
    assert (plain.spec, plain.options.slots) == (f"{tmp_path}/m@slots=2.gguf", 16)
    assert (with_options.spec, with_options.options.slots) == (f"{tmp_path}/m@slots=2.gguf", 3)
    assert other.spec == "m@home.gguf"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", "x", "--port: expected a whole number from 0 to 65535, got 'x'"),
        ("port", "65536", "--port: expected a whole number from 0 to 65535, got '65536'"),
        ("max_image_side", "100", "--max-image-side: expected a multiple of 64 from 64 to 8192, got '100'"),
        ("cache_bytes", "1X", "--cache-bytes: expected a size from 0 to 100T bytes, such as 500M or 2Gi, got '1X'"),
        (
            "cache_disk_bytes",
            "20",
            "--cache-disk: expected 0, or a size from 1M to 1000T bytes, such as 500M or 2Gi, got '20'",
        ),
        ("context_tokens", "-1", "--nctx: expected a whole number from 0 to 16777216, or max, got '-1'"),
        ("memory_budget", ["12"], f"--memory-budget: expected {BUDGETS}, got '12'"),
        ("memory_budget", ["cpu=12"], f"--memory-budget: expected {BUDGETS}, got 'cpu=12'"),
        ("memory_budget", ["0", "gpu=4G"], f"--memory-budget: expected {BUDGETS}, got ['0', 'gpu=4G']"),
        ("model_path", ["a@slots=x"], "a@slots: expected a whole number from 1 to 1024, got 'x'"),
        ("model_path", ["a@cache_disk=1G"], "a@cache_disk: holds for all models together, not for one"),
        ("model_path", ["a@slot=1"], "a@slot: no such option of a model; did you mean slots?"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(name: str, value: Any, message: str) -> None:
    assert refusal(**{name: value}) == message


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXA_PORT", "x")
    assert refusal() == "NEXA_PORT: expected a whole number from 0 to 65535, got 'x'"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("port = true", "port in {}: expected a whole number from 0 to 65535, got True"),
        ("port = 1.5", "port in {}: expected a whole number from 0 to 65535, got 1.5"),
        ("reload = 'maybe'", "reload in {}: expected true or false, got 'maybe'"),
        ("image_hosts = [1]", "image_hosts in {}: expected a list of hosts, got [1]"),
        ("image_hosts = [0]", "image_hosts in {}: expected a list of hosts, got [0]"),
        ("slot = 2", "slot in {}: no such option; did you mean slots?"),
        ("models = 5", "models in {}: expected a table per model, got 5"),
        ("[models]\na = 5", 'models.a in {}: expected a table, got 5; a name with dots needs quotes: [models."name"]'),
        ("[models.a]\nslots = 0", "models.a.slots in {}: expected a whole number from 1 to 1024, got 0"),
        ("[models.a]\nport = 1", "models.a.port in {}: holds for all models together, not for one"),
        ('[models."a@slots=2"]', "models.a@slots=2 in {}: model_path has no such model; did you mean a?"),
        ('model_path = ["abc"]\n[models.abd]', "models.abd in {}: model_path has no such model; did you mean abc?"),
    ],
)
def test_a_wrong_key_of_the_file_is_named(config: Path, toml: str, message: str) -> None:
    assert refusal(config, toml) == message.format(config)


@pytest.mark.parametrize(
    ("toml", "got"),
    [
        (f"default_timeout_s = {'9' * 4000}", "9" * 99 + "…"),
        ("default_timeout_s = nan", "nan"),
        ("default_timeout_s = 1e999", "inf"),
        (f"default_timeout_s = '{'9' * 5000}'", "'" + "9" * 98 + "…"),
    ],
)
def test_a_huge_value_is_refused_and_shown_in_short(config: Path, toml: str, got: str) -> None:
    expected = "a time from 0 to 1d, such as 90 (seconds), 15m or 1h"
    assert refusal(config, toml) == f"default_timeout_s in {config}: expected {expected}, got {got}"


def test_a_path_with_a_nul_is_refused(config: Path) -> None:
    assert refusal(config, 'media_folder = "a\\u0000b"') == f"media_folder in {config}: expected a path, got 'a\\x00b'"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("port = " + "[" * 5000 + "]" * 5000, "expected tables and lists nested at most 16 deep, got deeper ones"),
        ("port = " + "[" * 17 + "]" * 17, "expected tables and lists nested at most 16 deep, got deeper ones"),
        (f"[models.{'.'.join('a' * 3000)}]", "expected tables and lists nested at most 16 deep, got deeper ones"),
        (
            "port = " + "9" * 5000,
            "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits",
        ),
        ("#" * (1024 * 1024 + 1), "expected at most 1048576 bytes, got more"),
    ],
)
def test_a_file_that_is_too_deep_or_too_large_is_one_line(config: Path, content: str, reason: str) -> None:
    assert refusal(config, content) == f"--config: expected a TOML file, got '{config}': {reason}"


@pytest.mark.parametrize("content", [b"port = ", b"\xff", b"port = " + b"9" * 5000, b"port = " + b"[" * 5000])
def test_a_file_that_is_not_toml_is_refused(config: Path, content: bytes) -> None:
    config.write_bytes(content)
    with pytest.raises(OptionError, match=f"^--config: expected a TOML file, got '{config}': "):
        load_options({}, str(config))


def test_options_say_how_models_think() -> None:
    options = load(reasoning_effort="high", reasoning_format="none", thinking_budget_tokens="-1").options
    assert (options.reasoning_effort, options.reasoning_format, options.thinking_budget_tokens) == ("high", "none", -1)
    assert load(reasoning_effort="").options.reasoning_effort == ""
    expected = "expected none or minimal or low or medium or high or xhigh, got 'huge'"
    assert expected in refusal(reasoning_effort="huge")
    assert "expected auto or none, got 'deepseek'" in refusal(reasoning_format="deepseek")
    assert "from -1 to" in refusal(thinking_budget_tokens="-2")
