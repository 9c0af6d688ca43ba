from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.devices import DeviceMissing, Gpu, Nvml, WorkerNeeds, _quota_cores, assign, assignment_on, usable_cores

GIB = 1024**3


class FakeGpus:
    """A machine whose GPUs have these free bytes."""

    def __init__(self, *free_bytes: int) -> None:
        self._free_bytes = free_bytes

    def gpus(self) -> list[Gpu]:
        return [Gpu(i, f"GPU-{i}{i}", "test", 80 * GIB, free) for i, free in enumerate(self._free_bytes)]


@pytest.fixture(autouse=True)
def all_gpus_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_workers_go_round_robin_over_gpus_from_the_most_free_memory() -> None:
    assigned = assign([WorkerNeeds()] * 4, source=FakeGpus(10 * GIB, 30 * GIB, 20 * GIB), cores=8)
    assert [a.gpus for a in assigned] == [(1,), (2,), (0,), (1,)]
    assert [a.env["CUDA_VISIBLE_DEVICES"] for a in assigned] == ["GPU-11", "GPU-22", "GPU-00", "GPU-11"]
    assert assigned[0].device == "cuda:1"


def test_a_worker_that_asks_for_several_gpus_gets_those_with_the_most_free_memory() -> None:
    needs = [WorkerNeeds(gpus=2), WorkerNeeds(), WorkerNeeds(gpus=2)]
    assigned = assign(needs, source=FakeGpus(10 * GIB, 30 * GIB, 20 * GIB, 25 * GIB), cores=8)
    assert [a.gpus for a in assigned] == [(1, 3), (2,), (0, 1)]
    assert assigned[0].env == {"CUDA_VISIBLE_DEVICES": "GPU-11,GPU-33"}
    assert assigned[0].device == "cuda:1,cuda:3"


def test_a_worker_that_asks_for_more_gpus_than_there_are_gets_all_once() -> None:
    (assigned,) = assign([WorkerNeeds(gpus=4)], source=FakeGpus(10 * GIB, 30 * GIB), cores=1)
    assert assigned.gpus == (1, 0)


@pytest.mark.parametrize(("workers", "cores", "threads"), [(1, 8, 8), (3, 8, 2), (4, 2, 1)])
def test_without_gpu_workers_share_the_cores_equally(workers: int, cores: int, threads: int) -> None:
    assigned = assign([WorkerNeeds()] * workers, source=FakeGpus(), cores=cores)
    assert [(a.gpus, a.threads, a.device) for a in assigned] == [((), threads, "cpu")] * workers


def test_a_given_number_of_threads_is_used() -> None:
    assigned = assign([WorkerNeeds(threads=5), WorkerNeeds()], source=FakeGpus(), cores=4)
    assert [a.threads for a in assigned] == [5, 2]


def test_workers_on_the_cpu_see_no_gpu() -> None:
    workers = [WorkerNeeds(gpus=0), WorkerNeeds(), WorkerNeeds(gpus=0)]
    assigned = assign(workers, source=FakeGpus(GIB), cores=1)
    assert [a.gpus for a in assigned] == [(), (0,), ()]
    assert assigned[0].env == {"CUDA_VISIBLE_DEVICES": "", "GGML_VK_VISIBLE_DEVICES": ""}


def test_without_nvidias_driver_an_engine_may_find_a_gpu_by_itself() -> None:
    (assigned,) = assign([WorkerNeeds()], source=FakeGpus(), cores=1)
    assert assigned.env == {"CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.parametrize(("visible", "expected"), [("2,0", [(2,), (0,)]), ("GPU-11", [(1,), (1,)]), ("", [(), ()])])
def test_cuda_visible_devices_limits_the_gpus(
    monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[tuple[int, ...]]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [a.gpus for a in assign([WorkerNeeds()] * 2, source=FakeGpus(1, 2, 3), cores=1)] == expected


def test_a_machine_without_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pynvml = pytest.importorskip("pynvml")

    def no_driver() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", no_driver)
    assert Nvml().gpus() == []


def test_only_cores_that_this_process_may_use_count() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000", None), ("250000 100000", 2), ("50000 100000", 1), ("nonsense", None)]
)
def test_a_containers_quota_counts_as_whole_cores(tmp_path: Path, text: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert _quota_cores(tmp_path / "cpu.max") == cores


def test_a_worker_runs_on_the_named_gpus_in_their_order() -> None:
    assigned = assignment_on(["cpu", "cuda:2", "cuda:0"], 3, FakeGpus(GIB, GIB, GIB))
    assert (assigned.gpus, assigned.threads) == ((2, 0), 3)
    assert assigned.env == {"CUDA_VISIBLE_DEVICES": "GPU-22,GPU-00"}


def test_a_worker_is_not_started_elsewhere_if_its_gpu_is_gone() -> None:
    with pytest.raises(DeviceMissing, match="cuda:1 is not there"):
        assignment_on(["cpu", "cuda:0", "cuda:1"], 1, FakeGpus(GIB))


def test_a_worker_in_main_memory_may_look_for_gpus_only_where_the_driver_knows_none() -> None:
    assert "GGML_VK_VISIBLE_DEVICES" in assignment_on(["cpu"], 1, FakeGpus()).env
    assert "GGML_VK_VISIBLE_DEVICES" not in assignment_on(["cpu"], 1, FakeGpus(), finds_gpus=True).env
    assert "GGML_VK_VISIBLE_DEVICES" in assignment_on(["cpu"], 1, FakeGpus(GIB), finds_gpus=True).env
