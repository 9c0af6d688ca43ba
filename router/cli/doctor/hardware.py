"""Processor, memory, GPUs and disk."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from router.cli.data_folder import data_path
from router.cli.doctor.findings import Finding, note, problem
from shared.devices import Gpu, GpuSource, Nvml, usable_cores
from shared.hub.sizes import rounded_bytes
from shared.hub.store import default_root

LITTLE_MEMORY_BYTES = 2 * 1024**3
LITTLE_DISK_BYTES = 5 * 1000**3
_CPU_FILE = Path("/proc/cpuinfo")
_MEMORY_LIMIT_FILE = Path("/sys/fs/cgroup/memory.max")
_PCI_DEVICES = Path("/sys/bus/pci/devices")

CPU_FLAGS = {
    "AVX": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "F16C": "f16c",
    "BMI2": "bmi2",
    "AVX_VNNI": "avx_vnni",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
}
"""llama.cpp's names of what it can use of an x86-64 processor, with the flags of ``/proc/cpuinfo``."""

_MAKERS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
_DISPLAY_CLASS = "0x03"


def examine_cpu(file: Path = _CPU_FILE) -> Finding:
    """The processor: its model, the cores that this process may use, and what llama.cpp could use of it."""
    machine, cores = platform.machine(), usable_cores()
    text = _cpu_text(file)
    has = set(_field(text, "flags").split())
    features = [name for name, flag in CPU_FLAGS.items() if flag in has]
    model = _field(text, "model name") or platform.processor() or machine
    facts: dict[str, Any] = {"machine": machine, "cores": cores, "features": features}
    shown = f"{model}, {cores} cores"
    if machine not in ("x86_64", "AMD64"):
        told = "llama.cpp has code for it, but nexa is tested on x86-64 only"
        return note("cpu", f"{shown} ({machine}): {told}", **facts)
    if "AVX2" not in features:
        return note("cpu", f"{shown}, without AVX2: models are very slow on it", **facts)
    return Finding("cpu", shown, facts=facts)


def examine_memory(limit_file: Path = _MEMORY_LIMIT_FILE) -> Finding:
    """Main memory, and the limit of the container, if there is one."""
    memory = psutil.virtual_memory()
    limit = _limit(limit_file)
    total = min(memory.total, limit or memory.total)
    available = min(memory.available, total)
    text = f"{rounded_bytes(available)} of {rounded_bytes(total)} free"
    text += " (the limit of its container)" if total < memory.total else ""
    facts: dict[str, Any] = {"total_bytes": total, "available_bytes": available}
    if available < LITTLE_MEMORY_BYTES:
        return note("memory", f"{text}: enough for small models only", **facts)
    return Finding("memory", text, facts=facts)


def examine_gpus(source: GpuSource | None = None, pci: Path = _PCI_DEVICES) -> Iterator[Finding]:
    """NVIDIA's GPUs as the driver tells, and other makers' as the bus tells."""
    gpus = (source or Nvml()).gpus()
    for gpu in gpus:
        yield _nvidia(gpu)
    makers = display_makers(pci)
    if "NVIDIA" in makers and not gpus:
        yield note("gpu", "NVIDIA's, but its driver does not answer", "install the driver until nvidia-smi lists it")
    if "AMD" in makers or "Intel" in makers:
        whose = " and ".join(maker for maker in ("AMD", "Intel") if maker in makers)
        yield note(
            "gpu",
            f"{whose}: text can be computed on it through Vulkan; llama.cpp's ROCm and SYCL are not tested with nexa",
            "NEXA_BACKEND=vulkan make setup",
            makers=sorted(makers),
        )
    if platform.system() == "Darwin":
        yield note("gpu", "llama.cpp would use Metal, but nexa is tested on Linux only")
    elif not gpus and not makers:
        yield Finding("gpu", "none; models run on the processor")


def display_makers(pci: Path = _PCI_DEVICES) -> set[str]:
    """The makers of the display controllers on the PCI bus, of those that could compute models."""
    found = set()
    for device in pci.glob("*"):
        try:
            kind, maker = (device / "class").read_text().strip(), (device / "vendor").read_text().strip()
        except OSError:
            continue
        if kind.startswith(_DISPLAY_CLASS) and maker in _MAKERS:
            found.add(_MAKERS[maker])
    return found


def examine_disk() -> Iterator[Finding]:
    """Where models and data go, and whether there is room."""
    yield _folder("disk", default_root(), LITTLE_DISK_BYTES, "NEXA_MODELS names another folder")
    yield _folder("disk", data_path("", "keys.sqlite3").parent, 0, "XDG_DATA_HOME names another folder")


def driver_versions() -> tuple[str, str]:
    """The versions of NVIDIA's driver and of the newest CUDA that it supports; empty without it."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # the library's own class exists only where it can be imported
        if type(error).__name__.startswith("NVMLError") or isinstance(error, ImportError):
            return "", ""
        raise
    try:
        cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        return str(pynvml.nvmlSystemGetDriverVersion()), f"{cuda // 1000}.{cuda % 1000 // 10}"
    finally:
        pynvml.nvmlShutdown()


def _nvidia(gpu: Gpu) -> Finding:
    driver, cuda = driver_versions()
    memory = f"{rounded_bytes(gpu.free_bytes)} of {rounded_bytes(gpu.total_bytes)} free"
    facts: dict[str, Any] = {
        "driver": driver,
        "cuda": cuda,
        "total_bytes": gpu.total_bytes,
        "free_bytes": gpu.free_bytes,
    }
    return Finding("gpu", f"{gpu.name}, {memory}, driver {driver} (CUDA {cuda})", facts=facts)


def _folder(topic: str, folder: Path, little_bytes: int, elsewhere: str) -> Finding:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    facts: dict[str, Any] = {"folder": str(folder), "free_bytes": free}
    text = f"{folder}, {rounded_bytes(free)} free"
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return problem(topic, f"{folder} cannot be written", elsewhere, **facts)
    if free < little_bytes:
        return note(topic, f"{text}: enough for small models only", elsewhere, **facts)
    return Finding(topic, text, facts=facts)


def _cpu_text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # not Linux
        return ""


def _field(text: str, name: str) -> str:
    """The first value of a field of ``/proc/cpuinfo``."""
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # none, or the word "max"
        return None
