"""How the policy of residency does against others, in simulated time.

    python -m scripts.bench.residency

"Swap on each request" keeps one model and takes the requests in their order; "LRU by count" does the same with as many
models as surely fit, whichever they are. A wait is the time that a request spends without a worker.
"""

from __future__ import annotations

from router.jobs.residency.policy import decide
from scripts.bench.residency.naive import by_count
from scripts.bench.residency.simulator import Policy, Served, Simulation
from scripts.bench.residency.trace import Trace
from scripts.bench.residency.traces import alternating, nightly, zipf


def count_that_fits(trace: Trace) -> int:
    """How many models fit on the trace's device, whichever they are."""
    largest = max(size for model in trace.models for size in model.choices[0].values())
    return max(1, trace.devices[0].budget_bytes // largest)


def policies(trace: Trace) -> dict[str, Policy]:
    """The policies to compare on a trace, by name."""
    return {
        "swap on each request": by_count(1),
        f"LRU by count ({count_that_fits(trace)})": by_count(count_that_fits(trace)),
        "ours": decide,
    }


def row(trace: str, policy: str, served: Served) -> str:
    waits_s = sorted(served.waits_s)
    return (
        f"| {trace} | {policy} | {served.total_s:,.0f} | {served.loads} | {served.mean_wait_s:.1f} |"
        f" {waits_s[len(waits_s) * 95 // 100]:.1f} | {waits_s[-1]:.1f} | {served.handed_back} |"
    )


def main() -> None:
    print("| trace | policy | total s | loads | mean wait s | 95 % | worst | handed back |")
    print("| --- | --- | --: | --: | --: | --: | --: | --: |")
    for trace in (alternating(), nightly(), zipf()):
        for name, policy in policies(trace).items():
            print(row(trace.name, name, Simulation(trace, policy).run()))


if __name__ == "__main__":
    main()
