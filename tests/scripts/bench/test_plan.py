from __future__ import annotations

import pytest

from scripts.bench.plan import NAMES, PlanError, chosen_contenders, chosen_workloads, in_turn, workloads_of
from scripts.bench.servers.contenders import (
    ALL,
    BARE_LOOP,
    LLAMA_CPP_SERVER,
    LLAMA_SERVER,
    NEXA,
    NEXA_2,
    OTHER_SETTINGS,
    Contender,
)


def test_all_workloads_unless_some_are_chosen() -> None:
    assert chosen_workloads([]) == ["a", "b4", "b8", "b16", "b32", "c", "d", "e", "f", "g"]


def test_a_letter_chooses_all_of_its_workloads_in_the_order_of_the_table() -> None:
    assert chosen_workloads(["f", "b", "b4"]) == ["b4", "b8", "b16", "b32", "f"]


def test_an_unknown_workload_is_refused_with_the_known_names() -> None:
    with pytest.raises(PlanError, match=r"--only: expected a, b4, .* or their letters, got b5"):
        chosen_workloads(["a", "b5"])


@pytest.mark.parametrize(
    ("contender", "expected"),
    [
        (NEXA, NAMES),
        (LLAMA_SERVER, NAMES),
        (LLAMA_CPP_SERVER, ["a", "b4", "b8", "b16", "b32", "e", "f"]),
        (NEXA_2, ["b4", "b16", "b32", "c", "e"]),
        (BARE_LOOP, ["b16"]),
    ],
)
def test_the_workloads_of_each_server(contender: Contender, expected: list[str]) -> None:
    assert workloads_of(contender, NAMES) == expected


def test_only_chosen_workloads_are_run() -> None:
    assert workloads_of(NEXA_2, ["a", "b4", "f"]) == ["b4"]
    assert workloads_of(BARE_LOOP, ["a", "b4", "f"]) == []


def test_contenders_by_name_and_by_url() -> None:
    assert chosen_contenders([], []) == list(ALL)
    url = "mine=http://10.0.0.2:9000/v1/"
    *known, other = chosen_contenders(["llama-server", "nexa", "mine"], [url])
    assert known == [NEXA, LLAMA_SERVER]
    assert chosen_contenders([], [url]) == [*ALL, other]
    assert chosen_contenders(["nexa onnx"], [], "./folder") == [Contender("nexa onnx", onnx="./folder")]
    assert chosen_contenders(["mine"], [url]) == [other]
    assert (other.name, other.url) == ("mine", "http://10.0.0.2:9000")
    assert workloads_of(other, NAMES) == NAMES


@pytest.mark.parametrize(
    "given", ["http://10.0.0.2:9000", "nexa=http://10.0.0.2:9000", "mine=10.0.0.2:9000", "=http://x"]
)
def test_a_url_needs_a_name_of_its_own(given: str) -> None:
    with pytest.raises(PlanError, match="--url: expected NAME=URL"):
        chosen_contenders([], [given])


def test_other_settings_of_a_server_run_only_where_they_are_named() -> None:
    unified, _ = OTHER_SETTINGS
    assert chosen_contenders(["nexa", unified.name], []) == [NEXA, unified]
    assert unified not in chosen_contenders([], [])
    assert workloads_of(unified, NAMES) == NAMES


def test_an_unknown_server_is_refused() -> None:
    with pytest.raises(PlanError, match=r"--servers: expected .*nexa, llama-server.*, got vllm"):
        chosen_contenders(["vllm"], [])


def test_each_round_begins_with_another_contender() -> None:
    orders = [in_turn(ALL, number) for number in range(len(ALL))]
    assert {order[0] for order in orders} == set(ALL)
    assert all(sorted(order, key=ALL.index) == list(ALL) for order in orders)
