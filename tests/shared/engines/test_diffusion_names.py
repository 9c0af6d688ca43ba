"""Names of samplers and schedulers, as front ends spell them."""

from __future__ import annotations

import pytest

from shared.engines.diffusion_names import (
    SAMPLER_LABELS,
    SAMPLERS,
    SCHEDULER_LABELS,
    SCHEDULERS,
    find_sampler,
    find_scheduler,
    find_similar_sampler,
    find_similar_scheduler,
)


@pytest.mark.parametrize(
    ("name", "sampler", "scheduler"),
    [
        ("DPM++ 2M", "dpm++2m", None),
        ("DPM++ 2M Karras", "dpm++2m", "karras"),
        ("DPM++ 2S a Karras", "dpm++2s_a", "karras"),
        ("DPM++ 2M SGM Uniform", "dpm++2m", "sgm_uniform"),
        ("DPM2 Karras", "dpm2", "karras"),
        ("Euler a", "euler_a", None),
        ("k_euler_ancestral", "euler_a", None),
        ("euler_ancestral", "euler_a", None),
        ("dpmpp_2m", "dpm++2m", None),
        ("k_dpmpp_2s_a", "dpm++2s_a", None),
        ("k_dpm_2", "dpm2", None),
        ("DDIM", "ddim_trailing", None),
        ("LCM", "lcm", None),
        ("Res Multistep", "res_multistep", None),
    ],
)
def test_names_of_other_programs_are_understood(name: str, sampler: str, scheduler: str | None) -> None:
    assert find_sampler(name) == (sampler, scheduler)


def test_the_librarys_own_names_and_labels_mean_themselves() -> None:
    for sampler in SAMPLERS:
        assert find_sampler(sampler) == find_sampler(SAMPLER_LABELS[sampler]) == (sampler, None)
    for scheduler in SCHEDULERS:
        assert find_scheduler(scheduler) == find_scheduler(SCHEDULER_LABELS[scheduler]) == scheduler


@pytest.mark.parametrize(
    ("name", "scheduler"),
    [("Karras", "karras"), ("SGM Uniform", "sgm_uniform"), ("align_your_steps", "ays"), ("Normal", "discrete")],
)
def test_schedulers_of_other_programs_are_understood(name: str, scheduler: str) -> None:
    assert find_scheduler(name) == scheduler


@pytest.mark.parametrize("name", ["", "Karras", "euler b", "Euler Euler", "DPM++ SDE", "UniPC", "\x00"])
def test_other_names_mean_nothing(name: str) -> None:
    assert find_sampler(name) is None


def test_what_the_library_lacks_has_something_similar() -> None:
    assert find_similar_sampler("DPM++ 2M SDE Karras") == ("dpm++2m", "karras")
    assert find_similar_sampler("DPM++ SDE") == ("dpm++2s_a", None)
    assert find_similar_sampler("Euler") is None
    assert find_similar_scheduler("Beta") == "discrete"
    assert find_similar_scheduler("Karras") is None
