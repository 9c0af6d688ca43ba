import { describe, expect, it } from "vitest";

import { type Curves, type Load, lastTime, latest, merged } from "./curves";

function load(...values: (number | null)[]): Load {
  return {
    tokens_per_s: values,
    prompt_tokens_per_s: values,
    running: values,
    waiting: values,
    ttft_p50_s: values,
    ttft_p95_s: values,
    itl_p50_s: values,
    itl_p95_s: values,
  };
}

function curves(at: readonly number[], model = "smol", gpus: readonly number[] = []): Curves {
  return {
    interval_s: 2,
    keep_s: 8,
    at,
    total: load(...at),
    models: { [model]: load(...at) },
    machine: {
      cpu_ratio: at,
      memory_total_bytes: at.length > 0 ? 100 : null,
      memory_used_bytes: at,
      gpus: gpus.map((index) => ({ index, name: "H100", total_bytes: 80, used_bytes: at, busy_ratio: at })),
    },
    events: at.map((time) => ({
      at: time,
      worker: "smol/0",
      model,
      state: "ready",
      before: null,
      lasted_s: null,
      detail: "",
    })),
  };
}

describe("samples that come one after the other", () => {
  it("are put together", () => {
    const both = merged(curves([2, 4]), curves([6]));
    expect(both.at).toEqual([2, 4, 6]);
    expect(both.total.ttft_p95_s).toEqual([2, 4, 6]);
    expect(both.models["smol"]?.running).toEqual([2, 4, 6]);
    expect(both.machine.cpu_ratio).toEqual([2, 4, 6]);
    expect(both.events.map((event) => event.at)).toEqual([2, 4, 6]);
    expect(lastTime(both)).toBe(6);
  });

  it("are dropped when they are too old", () => {
    const kept = merged(curves([2, 4, 6, 8]), curves([10, 12]));
    expect(kept.at).toEqual([6, 8, 10, 12]);
    expect(kept.total.running).toEqual([6, 8, 10, 12]);
  });

  it("stay as they are when nothing has come", () => {
    const before = curves([2, 4]);
    expect(merged(before, curves([]))).toBe(before);
    expect(merged(null, curves([])).at).toEqual([]);
    expect(lastTime(null)).toBe(0);
  });

  it("of a model that is new begin with gaps, and one that is gone goes", () => {
    const both = merged(curves([2, 4], "old"), curves([6], "new"));
    expect(both.models).toEqual({ new: load(null, null, 6) });
  });

  it("of a GPU whose driver did not answer have a gap", () => {
    const [first, second] = merged(curves([2], "smol", [0, 1]), curves([4], "smol", [1])).machine.gpus;
    expect(first?.used_bytes).toEqual([2, null]);
    expect(second?.used_bytes).toEqual([2, 4]);
  });
});

describe("the latest value", () => {
  it.each([
    [[1, 2, null], 2],
    [[null], null],
    [[], null],
  ])("of %j is %s", (column, value) => expect(latest(column)).toBe(value));
});
