/** The load of the last quarter of an hour, put together from what the server sends every two seconds. */

export type Column = readonly (number | null)[];

export interface Load {
  readonly tokens_per_s: Column;
  readonly prompt_tokens_per_s: Column;
  readonly running: Column;
  readonly waiting: Column;
  readonly ttft_p50_s: Column;
  readonly ttft_p95_s: Column;
  readonly itl_p50_s: Column;
  readonly itl_p95_s: Column;
}

export interface GpuCurves {
  readonly index: number;
  readonly name: string;
  readonly total_bytes: number;
  readonly used_bytes: Column;
  readonly busy_ratio: Column;
}

export interface WorkerEvent {
  readonly at: number;
  readonly worker: string;
  readonly model: string;
  readonly state: string;
  readonly before: string | null;
  readonly lasted_s: number | null;
  readonly detail: string;
}

/** `GET /v1/server/curves`. */
export interface Curves {
  readonly interval_s: number;
  readonly keep_s: number;
  readonly at: readonly number[];
  readonly total: Load;
  readonly models: Readonly<Record<string, Load>>;
  readonly machine: {
    readonly cpu_ratio: Column;
    readonly memory_total_bytes: number | null;
    readonly memory_used_bytes: Column;
    readonly gpus: readonly GpuCurves[];
  };
  readonly events: readonly WorkerEvent[];
}

const MAX_EVENTS = 200;
const FIELDS = [
  "tokens_per_s",
  "prompt_tokens_per_s",
  "running",
  "waiting",
  "ttft_p50_s",
  "ttft_p95_s",
  "itl_p50_s",
  "itl_p95_s",
] as const satisfies readonly (keyof Load)[];

/** Where to ask on: the time of the last sample. */
export function lastTime(curves: Curves | null): number {
  return curves?.at.at(-1) ?? 0;
}

/** What was known and what has come since; samples that are too old are dropped. */
export function merged(before: Curves | null, next: Curves): Curves {
  if (before === null || next.at.length === 0) return before ?? next;
  const at = [...before.at, ...next.at];
  const drop = Math.max(0, at.length - Math.round(next.keep_s / next.interval_s));
  const old = before.at.length;
  const join = (first: Column | undefined, second: Column | undefined): Column =>
    [...(first ?? nothing(old)), ...(second ?? nothing(next.at.length))].slice(drop);
  return {
    ...next,
    at: at.slice(drop),
    total: joinedLoad(before.total, next.total, join),
    models: Object.fromEntries(
      Object.entries(next.models).map(([name, load]) => [name, joinedLoad(before.models[name], load, join)]),
    ),
    machine: {
      cpu_ratio: join(before.machine.cpu_ratio, next.machine.cpu_ratio),
      memory_total_bytes: next.machine.memory_total_bytes ?? before.machine.memory_total_bytes,
      memory_used_bytes: join(before.machine.memory_used_bytes, next.machine.memory_used_bytes),
      gpus: joinedGpus(before.machine.gpus, next.machine.gpus, join),
    },
    events: [...before.events, ...next.events].slice(-MAX_EVENTS),
  };
}

/** The last value that was measured. */
export function latest(column: Column): number | null {
  return column.findLast((value) => value !== null) ?? null;
}

type Join = (first: Column | undefined, second: Column | undefined) => Column;

function joinedLoad(before: Load | undefined, next: Load, join: Join): Load {
  return Object.fromEntries(FIELDS.map((name) => [name, join(before?.[name], next[name])])) as Record<
    keyof Load,
    Column
  >;
}

/** A driver that does not answer for a moment leaves a gap, and takes no GPU away. */
function joinedGpus(before: readonly GpuCurves[], next: readonly GpuCurves[], join: Join): readonly GpuCurves[] {
  const indices = [...new Set([...before, ...next].map((gpu) => gpu.index))].sort((a, b) => a - b);
  return indices.flatMap((index) => {
    const [first, second] = [before, next].map((gpus) => gpus.find((gpu) => gpu.index === index));
    const known = second ?? first;
    if (known === undefined) return [];
    return {
      ...known,
      used_bytes: join(first?.used_bytes, second?.used_bytes),
      busy_ratio: join(first?.busy_ratio, second?.busy_ratio),
    };
  });
}

function nothing(count: number): Column {
  return Array.from<null>({ length: count }).fill(null);
}
