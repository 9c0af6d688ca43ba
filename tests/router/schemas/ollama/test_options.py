from __future__ import annotations

from typing import Any

import pytest

from router.schemas.ollama.keep_alive import KEPT_LOADED
from router.schemas.ollama.options import DEFAULT_SAMPLING, OllamaOptions
from shared.wire.jobs import Sampling
from tests.support.router.ollama_bodies import ollama_text, ollama_text_refusal


def options(**given: Any) -> OllamaOptions:
    return OllamaOptions.model_validate(given)


def test_without_options_ollamas_defaults_hold() -> None:
    sampling = options().sampling(DEFAULT_SAMPLING)
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p) == (0.8, 40, 0.9, 0.0)
    assert (sampling.repeat_penalty, options().token_limit(), options().stops()) == (1.0, None, [])
    assert sampling.seed is not None


def test_what_a_model_recommends_holds_unless_the_request_says_otherwise() -> None:
    recommended = Sampling(temperature=0.6, top_k=20, top_p=0.95)
    sampling = options(top_k=5, seed=7).sampling(recommended)
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.seed) == (0.6, 5, 0.95, 7)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"top_k": -1}, {"top_k": 0}),
        ({"top_k": 16.0}, {"top_k": 16}),
        ({"top_p": 1.5}, {"top_p": 1.0}),
        ({"min_p": -0.5}, {"min_p": 0.0}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"seed": 2**40 + 5}, {"seed": (2**40 + 5) % (2**32 - 1)}),
        ({"temperature": None}, {"temperature": 0.8}),
        ({"typical_p": 0.7}, {"typical_p": 0.7}),
        ({"typical_p": 0}, {"typical_p": 1.0}),
        ({"repeat_last_n": -1}, {"repeat_last_n": -1}),
        ({"repeat_last_n": 2**20}, {"repeat_last_n": 2**16}),
        (
            {"mirostat": 2, "mirostat_tau": 3, "mirostat_eta": 0.2},
            {"mirostat": 2, "mirostat_tau": 3.0, "mirostat_eta": 0.2},
        ),
    ],
)
def test_values_that_ollama_takes_are_taken(given: dict[str, Any], sent: dict[str, Any]) -> None:
    sampling = options(**given).sampling(DEFAULT_SAMPLING)
    assert {name: getattr(sampling, name) for name in sent} == sent


def test_a_negative_seed_is_random() -> None:
    seeds = {options(seed=-1).sampling(DEFAULT_SAMPLING).seed for _ in range(8)}
    assert len(seeds) > 1


@pytest.mark.parametrize(("num_predict", "limit"), [(-1, None), (-2, None), (0, None), (7, 7), (2**40, 2**31 - 1)])
def test_num_predict_is_a_limit_if_it_is_positive(num_predict: int, limit: int | None) -> None:
    assert options(num_predict=num_predict).token_limit() == limit


def test_stop_is_a_word_or_several() -> None:
    assert options(stop="a").stops() == ["a"]
    assert options(stop=["a", "", "b"]).stops() == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature": "hot"}, "options.temperature: expected a number, got 'hot'"),
        ({"temperature": 7}, "options.temperature: expected at most 5, got 7"),
        ({"num_predict": 1.5}, "options.num_predict: expected an integer, got 1.5"),
        ({"stop": [1]}, "options.stop: expected a string or a list of up to 16 strings, got [1]"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], message: str) -> None:
    assert str(ollama_text_refusal(options=given)) == message


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({"num_ctx": 4096}, "options.num_ctx: expected at most 2048, the server's --nctx, got 4096"),
        ({"num_gpu": 99, "num_thread": 4}, "options.num_gpu, num_thread: set when the server starts, not by requests"),
        ({"tfs_z": 0.7}, "options.tfs_z: has no effect here"),
        ({"tempreature": 1}, "options: 'tempreature' is unknown"),
    ],
)
def test_what_has_no_effect_is_noted(given: dict[str, Any], note: str) -> None:
    assert "; ".join(options(**given).notes(2048)) == note


@pytest.mark.parametrize(
    "given", [{"num_ctx": 2048}, {"tfs_z": 1.0}, {"mirostat": 2}, {"repeat_last_n": 128}, {"num_keep": 4}, {}]
)
def test_what_asks_for_nothing_else_is_not_noted(given: dict[str, Any]) -> None:
    assert options(**given).notes(2048) == []


@pytest.mark.parametrize("given", ["5m", 300, "1h30m", "0", 0, "1.5h", "300"])
def test_a_time_to_stay_loaded_is_noted(given: Any) -> None:
    assert ollama_text(keep_alive=given).notes == [KEPT_LOADED]


@pytest.mark.parametrize("given", [-1, "-1", "-1m", None])
def test_staying_loaded_for_ever_is_what_models_do(given: Any) -> None:
    assert ollama_text(keep_alive=given).notes == []


@pytest.mark.parametrize("given", ["5 minutes", "m", True, [], "1" * 100])
def test_other_times_are_refused(given: Any) -> None:
    assert 'keep_alive: expected seconds or a duration such as "5m"' in str(ollama_text_refusal(keep_alive=given))
