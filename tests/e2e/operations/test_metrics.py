"""Figures of a whole server: what Prometheus reads after real requests."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.support.running_server import RunningServer, running, wait_until


def figures(server: RunningServer) -> dict[tuple[str, str], float]:
    """Each sample's value by its name and the value of its label worker, process or model."""
    found = {}
    for family in text_string_to_metric_families(server.client.get("/metrics").text):
        for sample in family.samples:
            labels = sample.labels
            key = labels.get("worker") or labels.get("process") or labels.get("model") or ""
            found[sample.name, key] = sample.value
    return found


def test_a_servers_figures_after_its_requests() -> None:
    with running("echo", "--workers", "2") as server:
        for _ in range(3):
            server.post("/v1/completions", {"prompt": "one two three", "max_tokens": 5})
        seen = figures(server)
        assert seen["nexa_time_to_first_token_seconds_count", "echo"] == 3
        assert seen["nexa_request_queue_time_seconds_count", "echo"] == 3
        assert seen["nexa_model_ready", "echo"] == 1
        generated = seen["nexa_generation_tokens_total", "echo"]
        assert generated > 0
        workers = [row["name"] for row in server.workers()]

        def all_told() -> dict[tuple[str, str], float] | None:
            seen = figures(server)
            known = all(("nexa_process_resident_memory_bytes", worker) in seen for worker in workers)
            tokens = [seen.get(("nexa_worker_generation_tokens_total", worker), 0) for worker in workers]
            return seen if known and sum(tokens) == generated else None

        seen = wait_until(all_told, "both workers' heartbeats have come and told of all tokens")
        for process in ("router", "supervisor", *workers):
            assert seen["nexa_process_resident_memory_bytes", process] > 1 << 20
