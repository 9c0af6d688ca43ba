/** One plot of curves over time. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import type { Column } from "./curves";
import { resolved, seriesColour, useAppearance } from "./colours";
import { minuteOfDay, timeOfDay } from "./format";

export interface Series {
  readonly label: string;
  readonly values: Column;
  /** What the legend says of the latest value. */
  readonly now: string;
}

export interface ChartProps {
  readonly title: string;
  readonly at: readonly number[];
  /** How much of the past is shown. */
  readonly spanS: number;
  readonly series: readonly Series[];
  readonly format: (value: number | null) => string;
  /** The top of the scale, if it is fixed. */
  readonly max?: number;
  /** The least top of a scale that follows its values. */
  readonly leastMax?: number;
}

const HEIGHT = 150;
const FONT = "11px system-ui, sans-serif";

export function Chart(props: ChartProps) {
  const { title, at, spanS, series } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const appearance = useAppearance();
  const latestProps = useRef(props);
  latestProps.current = props;
  const names = series.map((one) => one.label).join("\n");

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(
      options(element, () => latestProps.current),
      dataOf(latestProps.current),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, appearance]);

  useEffect(() => plot.current?.setData(dataOf(latestProps.current)), [at, spanS, series]);

  const said = series.map((one) => `${one.label} ${one.now}`).join(", ");
  return (
    <figure class="card chart">
      <figcaption class="chart-head">
        <h3>{title}</h3>
        <ul class="legend">
          {series.map((one, index) => (
            <li key={one.label}>
              <span class={`swatch swatch-${index % 6}`} aria-hidden="true" />
              <span class="legend-label">{one.label}</span>
              <span class="legend-value">{one.now}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={`${title}: ${said}`} />
    </figure>
  );
}

function dataOf({ at, series }: ChartProps): uPlot.AlignedData {
  return [at as number[], ...series.map((one) => one.values as (number | null)[])];
}

function options(element: HTMLElement, props: () => ChartProps): uPlot.Options {
  const text = resolved(element, "--text-soft");
  const grid = { stroke: resolved(element, "--line"), width: 1 };
  const { series } = props();
  return {
    width: Math.max(1, element.clientWidth),
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
    scales: {
      x: { time: true, range: () => spanOf(props()) },
      y: { range: (_, __, max) => [0, topOf(props(), max)] },
    },
    axes: [
      {
        stroke: text,
        font: FONT,
        grid: { show: false },
        ticks: { show: false },
        size: 24,
        space: 70,
        values: (_, splits) => splits.map(minuteOfDay),
      },
      {
        stroke: text,
        font: FONT,
        grid,
        ticks: { show: false },
        size: 58,
        space: 34,
        values: (_, splits) => splits.map((value) => props().format(value)),
      },
    ],
    series: [
      { value: (_, value) => timeOfDay(value) },
      ...series.map((one, index): uPlot.Series => {
        const colour = resolved(element, seriesColour(index));
        return {
          label: one.label,
          stroke: colour,
          width: 1.75,
          ...(series.length === 1 ? { fill: faded(colour) } : {}),
          points: { show: true, size: 4, fill: colour, filter: loneOnes },
        };
      }),
    ],
    plugins: [tip(element, props)],
  };
}

function spanOf({ at, spanS }: ChartProps): [number, number] {
  const end = at.at(-1) ?? Date.now() / 1000;
  return [end - spanS, end];
}

function topOf({ max, leastMax }: ChartProps, found: number | null): number {
  if (max !== undefined) return max;
  return Math.max((found ?? 0) * 1.12, leastMax ?? 0.001);
}

/** Only values between two gaps get a point: no line leads to them. */
function loneOnes(plot: uPlot, seriesIndex: number, show: boolean): number[] | null {
  const values = plot.data[seriesIndex];
  if (!show || values === undefined) return null;
  const found: number[] = [];
  for (let at = 0; at < values.length; at += 1) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  }
  return found;
}

function faded(colour: string): string {
  const parts = /^rgb\((.*)\)$/.exec(colour)?.[1]?.replaceAll(",", " ");
  return parts === undefined ? colour : `rgb(${parts} / 0.14)`;
}

/** What the values are where the pointer is. */
function tip(element: HTMLElement, props: () => ChartProps): uPlot.Plugin {
  const box = document.createElement("div");
  box.className = "chart-tip";
  box.hidden = true;
  return {
    hooks: {
      init: () => void element.append(box),
      destroy: () => box.remove(),
      setCursor: (plot) => {
        const { idx, left } = plot.cursor;
        const time = idx == null ? undefined : plot.data[0][idx];
        box.hidden = time === undefined || left === undefined || left < 0;
        if (box.hidden || time === undefined || idx == null) return;
        const { series, format } = props();
        const values = series.map((one) => `${one.label} ${format(one.values[idx] ?? null)}`);
        box.textContent = [timeOfDay(time), ...values].join("\n");
        const right = (left ?? 0) > plot.over.clientWidth / 2;
        box.classList.toggle("at-left", right);
      },
    },
  };
}
