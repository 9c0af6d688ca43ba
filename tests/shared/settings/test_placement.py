"""Options of llama.cpp: what they take, and which do not go together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.settings.loading import LoadedOptions, load_options
from shared.settings.option import OptionError


def loaded(*models: str, **options: str | bool) -> LoadedOptions:
    return load_options({"model_path": list(models), **options}, None)


def refusal(*models: str, **options: str | bool) -> str:
    with pytest.raises(OptionError) as raised:
        loaded(*models, **options)
    return str(raised.value)


@pytest.mark.parametrize(("text", "shares"), [("3/1", (3, 1)), ("0.5,1.5", (0.5, 1.5)), (" 1 / 0 ", (1, 0)), ("", ())])
def test_proportions_are_numbers_between_slashes_or_commas(text: str, shares: tuple[float, ...]) -> None:
    options = loaded("m" if not text else "m@gpus=2", tensor_split=text).models[0].options
    assert options.tensor_split == shares


def test_one_model_has_its_proportions_beside_other_options() -> None:
    options = loaded("m@gpus=2,tensor_split=3,1,slots=2").models[0].options
    assert (options.tensor_split, options.slots) == ((3, 1), 2)


@pytest.mark.parametrize("text", ["0/0", "1/x", "-1/2", "nan/1", "1/inf"])
def test_other_proportions_are_refused(text: str) -> None:
    message = refusal("m@gpus=2", tensor_split=text)
    assert message == f"--tensor-split: expected proportions such as 3/1, got {text!r}"


def test_a_file_may_have_a_list_of_proportions(tmp_path: Path) -> None:
    file = tmp_path / "nexa.toml"
    file.write_text('[models.m]\ngpus = 2\ntensor_split = [3, 1]\nsplit_mode = "row"\nrope_freq_scale = 0.25\n')
    options = load_options({}, str(file)).models[0].options
    assert (options.tensor_split, options.split_mode, options.rope_freq_scale) == ((3, 1), "row", 0.25)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gpus": "0"}, "m@gpus: expected a whole number from 1 to 16, got '0'"),
        ({"split_mode": "tensor"}, "m@split_mode: expected layer or row or none, got 'tensor'"),
        ({"rope_freq_scale": "4"}, "m@rope_freq_scale: expected a number from 0 to 1, got '4'"),
        ({"rope_freq_base": "nan"}, "m@rope_freq_base: expected a number from 0 to 1e+12, got 'nan'"),
        ({"gpus": "2", "gpu_layers": "0"}, "m@gpus: expected 1 with gpu_layers 0, got 2"),
        ({"gpus": "2", "split_mode": "none"}, "m@split_mode: expected layer or row with gpus 2, got none"),
        ({"tensor_split": "1/1"}, "m@tensor_split: expected none with gpus 1, got 2 numbers"),
        ({"gpus": "2", "tensor_split": "3/2/1"}, "m@tensor_split: expected 2 numbers, one for each of gpus, got 3"),
        ({"cpu_moe": "on", "n_cpu_moe": "4"}, "m@n_cpu_moe: expected 0 with cpu_moe, got 4"),
        (
            {"flash_attn": "off", "cache_type_v": "q8_0"},
            "m@cache_type_v: expected f16, bf16 or f32 without flash attention, got q8_0",
        ),
        ({"batch_size": "256", "ubatch_size": "512"}, "m@ubatch_size: expected at most batch_size 256, got 512"),
        (
            {"rope_scaling": "none", "rope_freq_scale": "0.5"},
            "m@rope_freq_scale: expected 0 or 1 with rope_scaling none, got 0.5",
        ),
        (
            {"rope_scaling": "linear", "yarn_orig_ctx": "4096"},
            "m@yarn_orig_ctx: expected 0 with rope_scaling linear, got 4096",
        ),
    ],
)
def test_wrong_options_are_refused_at_the_start(given: Mapping[str, str], message: str) -> None:
    assert refusal("m@" + ",".join(f"{name}={value}" for name, value in given.items())) == message


def test_the_wrong_one_is_named_where_it_was_given() -> None:
    message = "--cache-type-v: expected f16, bf16 or f32 without flash attention, got q4_0"
    assert refusal("m@flash_attn=off", cache_type_v="q4_0") == message


def test_an_option_of_one_model_can_mend_those_for_all() -> None:
    options = loaded("m@flash_attn=on", flash_attn="off", cache_type_v="q8_0", no_mmap=True).models[0].options
    assert (options.flash_attn, options.cache_type_v, options.no_mmap) == ("on", "q8_0", True)


def test_the_context_may_be_the_largest_that_fits() -> None:
    options = loaded("m@nctx=max", "n", context_tokens="2048").models
    assert [model.options.context_tokens for model in options] == [-1, 2048]
    again = type(options[0].options).model_validate_json(options[0].options.model_dump_json())
    assert again.context_tokens == -1
