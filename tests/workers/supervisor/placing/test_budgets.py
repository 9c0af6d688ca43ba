"""The budgets of the devices: as given, else what is free less a margin."""

from __future__ import annotations

import pytest

from shared.devices import Gpu
from shared.settings.option import OptionError
from shared.settings.residency import split_budget
from workers.supervisor.placing.budgets import device_rooms, without_margin

GB = 1000**3


class TwoGpus:
    def gpus(self) -> list[Gpu]:
        return [Gpu(index, f"GPU-{index}", "test", 80 * GB, 40 * GB) for index in range(2)]


@pytest.fixture(autouse=True)
def all_gpus_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        (("12G",), [12, 12, 12]),
        (("cpu=12G", "cuda:1=20G"), [12, 36, 20]),
        (("8G", "cuda:0=30G"), [8, 30, 8]),
    ],
)
def test_budgets_are_as_given_else_what_is_free(given: tuple[str, ...], sizes: list[int]) -> None:
    found = device_rooms(given, TwoGpus())
    assert [budget.device for budget in found] == ["cpu", "cuda:0", "cuda:1"]
    assert [budget.budget_bytes for budget in found] == [size * GB for size in sizes]
    assert found[1].total_bytes == 80 * GB
    assert found[1].budget.total_bytes == 80 * GB


def test_a_budget_of_a_device_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OptionError, match=r"--memory-budget: expected one of cpu, cuda:0, cuda:1, got cuda:7"):
        device_rooms(["cuda:7=5G"], TwoGpus())


def test_a_budget_that_no_machine_has_is_an_error() -> None:
    assert split_budget("cpu=1000T") == ("cpu", 10**15)
    with pytest.raises(ValueError, match="expected at most 1000T, got '1001T'"):
        split_budget("1001T")


def test_a_margin_is_left() -> None:
    assert without_margin(40 * GB) == 36 * GB
    assert without_margin(2 * GB) == 2 * GB - 512 * 1000**2
    assert without_margin(100) == 0
