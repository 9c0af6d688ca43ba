/** What was used: a plot by day and key, and a table by key. */
import { useMemo, useState } from "preact/hooks";

import { texts } from "../texts";
import { compact, count, duration } from "./format";
import { Panel } from "./panel";
import { usePolled } from "./polling";
import {
  amount,
  byDay,
  byKey,
  firstDay,
  type Measure,
  MEASURES,
  OTHERS,
  type UsageByDay,
  type UsageRow,
} from "./usage";

const DAYS = [7, 30, 90] as const;
const POLL_MS = 30_000;
const WIDTH = 900;
const HEIGHT = 180;

export function Usage({ all }: { readonly all: boolean }) {
  const words = texts.status.usage;
  const [days, setDays] = useState<number>(30);
  const [measure, setMeasure] = useState<Measure>("tokens");
  const path = `v1/usage?by=day&since=${firstDay(new Date(), days)}`;
  const { data, error } = usePolled<{ readonly data: readonly UsageRow[] }>(path, POLL_MS);
  const rows = data?.data ?? [];
  const plotted = useMemo(() => byDay(rows, measure, new Date(), days), [data, measure, days]);
  const measures = MEASURES.filter(
    (name) => name === "tokens" || name === "requests" || rows.some((row) => amount(row, name)),
  );
  return (
    <Panel
      name="usage"
      title={all ? words.title : words.own}
      tools={
        <div class="panel-tools">
          <label>
            <span class="visually-hidden">{words.measure}</span>
            <select
              class="input small"
              value={measure}
              onChange={(event) => setMeasure(event.currentTarget.value as Measure)}
            >
              {measures.map((name) => (
                <option key={name} value={name}>
                  {words.measures[name]}
                </option>
              ))}
            </select>
          </label>
          <div class="segments" role="group" aria-label={words.span}>
            {DAYS.map((span) => (
              <button key={span} type="button" aria-pressed={span === days} onClick={() => setDays(span)}>
                {words.days(span)}
              </button>
            ))}
          </div>
        </div>
      }
      error={error}
    >
      <div class="card stack">
        {plotted.top === 0 ? <p class="empty small">{words.none}</p> : <Plot plotted={plotted} measure={measure} />}
        {rows.length > 0 && <Table rows={byKey(rows)} />}
      </div>
    </Panel>
  );
}

function Plot({ plotted, measure }: { readonly plotted: UsageByDay; readonly measure: Measure }) {
  const words = texts.status.usage;
  const { keys, days, top } = plotted;
  const step = WIDTH / days.length;
  const format = measure === "audio" ? duration : compact;
  const ends = [days[0], days.at(-1)].map((one) => shortDay(one?.day ?? ""));
  return (
    <figure class="usage-plot">
      <ul class="legend">
        {keys.map((key, index) => (
          <li key={key ?? ""}>
            <span class={`swatch swatch-${index}`} aria-hidden="true" />
            <span class="legend-label">{nameOf(key)}</span>
          </li>
        ))}
      </ul>
      <span class="usage-top">{format(top)}</span>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words.plot(words.measures[measure])}
      >
        {days.map(({ day, values }, at) => (
          <g key={day}>
            <title>
              {[
                shortDay(day),
                ...values.map((value, index) => `${nameOf(keys[index] ?? null)}: ${format(value)}`),
              ].join("\n")}
            </title>
            <rect class="usage-day" x={at * step} y={0} width={step} height={HEIGHT} />
            {bars(values, top).map(({ y, height }, index) => (
              <rect
                key={index}
                class={`bar-${index}`}
                x={at * step + step * 0.12}
                y={y}
                width={step * 0.76}
                height={height}
              />
            ))}
          </g>
        ))}
      </svg>
      <div class="usage-days">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </div>
    </figure>
  );
}

/** Where each value of a day stands, the first at the bottom. */
function bars(values: readonly number[], top: number): readonly { readonly y: number; readonly height: number }[] {
  let y = HEIGHT;
  return values.map((value) => {
    const height = (value / top) * HEIGHT;
    y -= height;
    return { y, height };
  });
}

function Table({ rows }: { readonly rows: readonly UsageRow[] }) {
  const words = texts.status.usage;
  const columns = [
    [words.requests, (row: UsageRow) => count(row.requests)],
    [words.tokensIn, (row: UsageRow) => count(row.prompt_tokens)],
    [words.cached, (row: UsageRow) => count(row.cached_tokens)],
    [words.tokensOut, (row: UsageRow) => count(row.completion_tokens)],
    [words.images, (row: UsageRow) => count(row.images)],
    [words.audio, (row: UsageRow) => (row.audio_s > 0 ? duration(row.audio_s) : "0")],
  ] as const;
  return (
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">{words.key}</th>
          {columns.map(([name]) => (
            <th key={name} scope="col" class="number">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key ?? ""}>
            <th scope="row" class="main-cell">
              <span class="row-name">{nameOf(row.key)}</span>
            </th>
            {columns.map(([name, value]) => (
              <td key={name} class="number" data-label={name}>
                {value(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function nameOf(key: string | null): string {
  const words = texts.status.usage;
  if (key === OTHERS) return words.others;
  return key ?? words.noKey;
}

function shortDay(day: string): string {
  if (day === "") return "";
  return new Date(`${day}T00:00:00Z`).toLocaleDateString(undefined, {
    month: "short",
    day: "numeric",
    timeZone: "UTC",
  });
}
