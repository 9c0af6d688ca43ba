/** The curves of the load: tokens, jobs, latencies, processors and memory. */
import { useState } from "preact/hooks";

import { texts } from "../texts";
import { Chart, type Series } from "./chart";
import { type Column, type Curves, latest, type Load } from "./curves";
import { count, duration, percent, rate } from "./format";
import { Panel } from "./panel";

const SPANS_S = [60, 300, 900] as const;

export function Charts({ curves }: { readonly curves: Curves }) {
  const words = texts.status.curves;
  const models = Object.keys(curves.models);
  const [chosen, choose] = useState("");
  const [spanS, setSpanS] = useState<number>(300);
  const model = chosen in curves.models ? chosen : "";
  const load = curves.models[model] ?? curves.total;
  const shared = { at: curves.at, spanS };
  return (
    <Panel
      name="load"
      title={words.title}
      tools={
        <div class="panel-tools">
          {models.length > 1 && (
            <label>
              <span class="visually-hidden">{words.model}</span>
              <select class="input small" value={model} onChange={(event) => choose(event.currentTarget.value)}>
                <option value="">{words.allModels}</option>
                {models.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
          <div class="segments" role="group" aria-label={words.span}>
            {SPANS_S.map((span) => (
              <button key={span} type="button" aria-pressed={span === spanS} onClick={() => setSpanS(span)}>
                {duration(span)}
              </button>
            ))}
          </div>
        </div>
      }
    >
      <div class="charts">
        <Chart {...shared} title={words.tokens} series={tokenSeries(curves, model)} format={rate} leastMax={5} />
        <Chart {...shared} title={words.requests} series={requestSeries(load)} format={whole} leastMax={2} />
        <Chart
          {...shared}
          title={words.ttft}
          series={latencySeries(load.ttft_p50_s, load.ttft_p95_s)}
          format={duration}
        />
        <Chart {...shared} title={words.itl} series={latencySeries(load.itl_p50_s, load.itl_p95_s)} format={duration} />
        <Chart
          {...shared}
          title={words.prompts}
          series={[one(words.computed, load.prompt_tokens_per_s, rate)]}
          format={rate}
          leastMax={5}
        />
        <Chart {...shared} title={words.machine} series={machineSeries(curves)} format={percent} max={1} />
      </div>
    </Panel>
  );
}

function tokenSeries(curves: Curves, model: string): readonly Series[] {
  const load = curves.models[model];
  if (load !== undefined) return [one(model, load.tokens_per_s, rate)];
  const busy = Object.entries(curves.models).filter(([, each]) => each.tokens_per_s.some((value) => value));
  if (busy.length > 1) return busy.map(([name, each]) => one(name, each.tokens_per_s, rate));
  return [one(texts.status.curves.allModels, curves.total.tokens_per_s, rate)];
}

function requestSeries(load: Load): readonly Series[] {
  const words = texts.status.curves;
  return [one(words.running, load.running, count), one(words.waiting, load.waiting, count)];
}

function latencySeries(median: Column, high: Column): readonly Series[] {
  const words = texts.status.curves;
  return [one(words.median, median, duration), one(words.p95, high, duration)];
}

function machineSeries({ machine }: Curves): readonly Series[] {
  const words = texts.status.curves;
  return [
    one(words.cpu, machine.cpu_ratio, percent),
    one(words.memory, shares(machine.memory_used_bytes, machine.memory_total_bytes), percent),
    ...machine.gpus.flatMap((gpu) => [
      one(words.gpu(gpu.index), gpu.busy_ratio, percent),
      one(words.gpuMemory(gpu.index), shares(gpu.used_bytes, gpu.total_bytes), percent),
    ]),
  ];
}

function shares(column: Column, total: number | null): Column {
  return column.map((value) => (value === null || total === null ? null : value / total));
}

function one(label: string, values: Column, format: (value: number | null) => string): Series {
  return { label, values, now: format(latest(values)) };
}

/** Marks of the scale between two whole numbers have no name. */
function whole(value: number | null): string {
  return value !== null && !Number.isInteger(value) ? "" : count(value);
}
