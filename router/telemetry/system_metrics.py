"""Metrics of the machine for ``GET /metrics``: CPU and memory of this server's processes, and use of its GPUs."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from shared.devices import GpuSource, visible_gpus


def process_families(pids: Mapping[str, int]) -> list[Metric]:
    """CPU time, memory and threads of processes, by name; ended ones are left out."""
    labels = ("process",)
    cpu = CounterMetricFamily("nexa_process_cpu_seconds", "CPU time used, user and system.", labels=labels)
    memory = GaugeMetricFamily("nexa_process_resident_memory_bytes", "Resident memory.", labels=labels)
    threads = GaugeMetricFamily("nexa_process_threads", "Threads.", labels=labels)
    for name, pid in pids.items():
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                figures = (times.user + times.system, process.memory_info().rss, process.num_threads())
        except psutil.Error:
            continue
        cpu.add_metric((name,), figures[0])
        memory.add_metric((name,), figures[1])
        threads.add_metric((name,), figures[2])
    return [cpu, memory, threads]


def gpu_families(source: GpuSource) -> list[Metric]:
    """Utilization and memory of the GPUs that this server may use, as far as the driver reports them."""
    labels = ("gpu", "name")
    busy = GaugeMetricFamily("nexa_gpu_utilization_ratio", "Share of time that the GPU was busy.", labels=labels)
    used = GaugeMetricFamily("nexa_gpu_memory_used_bytes", "Memory used by all processes.", labels=labels)
    total = GaugeMetricFamily("nexa_gpu_memory_total_bytes", "Total memory of the GPU.", labels=labels)
    for gpu in visible_gpus(source):
        values = (str(gpu.index), gpu.name)
        if gpu.busy_ratio is not None:
            busy.add_metric(values, gpu.busy_ratio)
        used.add_metric(values, gpu.total_bytes - gpu.free_bytes)
        total.add_metric(values, gpu.total_bytes)
    return [busy, used, total]
