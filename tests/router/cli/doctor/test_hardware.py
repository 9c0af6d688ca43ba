"""What the doctor says of processors, memory, GPUs and disks."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

import router.cli.doctor.hardware
from router.cli.doctor.findings import FindingState
from router.cli.doctor.hardware import examine_cpu, examine_disk, examine_gpus, examine_memory
from shared.devices import Gpu

CPU = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse4_2 {}\n\nprocessor\t: 1\nmodel name\t: Some CPU\n"
NVIDIA, AMD, INTEL = "0x10de", "0x1002", "0x8086"


@dataclass(frozen=True)
class Gpus:
    """GPUs as a driver reports them."""

    found: tuple[Gpu, ...] = ()

    def gpus(self) -> list[Gpu]:
        return list(self.found)


@pytest.fixture
def cpu_file(tmp_path: Path) -> Path:
    return tmp_path / "cpuinfo"


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.cli.doctor.hardware, "usable_cores", lambda: 2)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def bus(folder: Path, *devices: tuple[str, str]) -> Path:
    """A PCI bus with devices: class and maker."""
    for number, (kind, maker) in enumerate(devices):
        device = folder / "pci" / str(number)
        device.mkdir(parents=True)
        (device / "class").write_text(f"{kind}\n")
        (device / "vendor").write_text(f"{maker}\n")
    return folder / "pci"


def test_a_processor_with_its_cores_and_what_can_be_used_of_it(cpu_file: Path) -> None:
    cpu_file.write_text(CPU.format("avx avx2 fma f16c bmi2 avx512f avx_vnni"))
    found = examine_cpu(cpu_file)
    assert (found.state, found.text) == (FindingState.OK, "Some CPU, 2 cores")
    assert found.facts["features"] == ["AVX", "AVX2", "FMA", "F16C", "BMI2", "AVX_VNNI", "AVX512"]


def test_an_old_processor_is_told(cpu_file: Path) -> None:
    cpu_file.write_text(CPU.format("avx"))
    found = examine_cpu(cpu_file)
    assert (found.state, found.text) == (
        FindingState.NOTE,
        "Some CPU, 2 cores, without AVX2: models are very slow on it",
    )


def test_another_architecture_is_said_to_be_untested(cpu_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "processor", lambda: "")
    found = examine_cpu(cpu_file)
    assert found.state is FindingState.NOTE
    assert found.text == "aarch64, 2 cores (aarch64): llama.cpp has code for it, but nexa is tested on x86-64 only"


@pytest.mark.parametrize(
    ("limit", "state", "said"),
    [
        ("max\n", FindingState.OK, "8.00 GB of 16.00 GB free"),
        ("4000000000\n", FindingState.OK, "4.00 GB of 4.00 GB free (the limit of its container)"),
        ("1000000000\n", FindingState.NOTE, "free (the limit of its container): enough for small models only"),
    ],
)
def test_memory_is_that_of_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, state: FindingState, said: str
) -> None:
    @dataclass(frozen=True)
    class Memory:
        total: int = 16 * 1000**3
        available: int = 8 * 1000**3

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    (tmp_path / "memory.max").write_text(limit)
    found = examine_memory(tmp_path / "memory.max")
    assert (found.state, found.text.endswith(said)) == (state, True)


def test_a_gpu_whose_driver_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.cli.doctor.hardware, "driver_versions", lambda: ("580.1", "13.0"))
    gpu = Gpu(0, "GPU-1", "NVIDIA H100", total_bytes=80_000_000_000, free_bytes=79_000_000_000)
    (found,) = examine_gpus(Gpus((gpu,)), bus(tmp_path, ("0x030200", NVIDIA)))
    assert (found.state, found.text) == (
        FindingState.OK,
        "NVIDIA H100, 79.00 GB of 80.00 GB free, driver 580.1 (CUDA 13.0)",
    )


def test_a_gpu_without_its_driver(tmp_path: Path) -> None:
    (found,) = examine_gpus(Gpus(), bus(tmp_path, ("0x030000", NVIDIA), ("0x040300", INTEL)))
    assert (found.state, found.text) == (FindingState.NOTE, "NVIDIA's, but its driver does not answer")


@pytest.mark.parametrize(("makers", "whose"), [((AMD,), "AMD"), ((INTEL,), "Intel"), ((INTEL, AMD), "AMD and Intel")])
def test_what_other_gpus_can_do(tmp_path: Path, makers: tuple[str, ...], whose: str) -> None:
    (found,) = examine_gpus(Gpus(), bus(tmp_path, *(("0x038000", maker) for maker in makers)))
    assert found.state is FindingState.NOTE
    assert found.text.startswith(
        f"{whose}: text can be computed on it through Vulkan; llama.cpp's ROCm and SYCL are not"
    )
    assert found.remedy == "NEXA_BACKEND=vulkan make setup"


def test_a_machine_without_a_gpu(tmp_path: Path) -> None:
    (found,) = examine_gpus(Gpus(), bus(tmp_path, ("0x060000", INTEL), ("0x030000", "0x1234")))
    assert (found.state, found.text) == (FindingState.OK, "none; models run on the processor")


def test_a_folder_that_does_not_exist_yet_is_judged_by_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "a" / "b"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(router.cli.doctor.hardware, "LITTLE_DISK_BYTES", 0)
    models, data = examine_disk()
    assert models.state is FindingState.OK
    assert models.text.startswith(f"{tmp_path}/a/b, ")
    assert (data.state, data.text, data.remedy) == (
        FindingState.PROBLEM,
        f"{tmp_path}/file/nexa cannot be written",
        "XDG_DATA_HOME names another folder",
    )
    monkeypatch.setattr(router.cli.doctor.hardware, "LITTLE_DISK_BYTES", 10**18)
    models, _ = examine_disk()
    assert models.state is FindingState.NOTE
