/** Numbers, sizes and times as people read them. */

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;
const DASH = "–";

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function count(value: number | null): string {
  return value === null ? DASH : whole.format(value);
}

/** A large number in few characters. */
export function compact(value: number): string {
  return short.format(value);
}

/** A rate: with a decimal while it is small. */
export function rate(value: number | null): string {
  if (value === null) return DASH;
  return value > 0 && value < 100 ? tenths.format(value) : whole.format(Math.round(value));
}

export function bytes(value: number | null): string {
  if (value === null) return DASH;
  let unit = 0;
  let size = value;
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit > 1 && size < 99.95 ? tenths.format(size) : whole.format(Math.round(size))} ${UNITS[unit] ?? ""}`;
}

export function percent(ratio: number | null): string {
  return ratio === null ? DASH : `${Math.round(ratio * 100)} %`;
}

/** A time span: milliseconds, seconds, or the two largest of days, hours, minutes and seconds. */
export function duration(seconds: number | null): string {
  if (seconds === null) return DASH;
  if (seconds === 0) return "0";
  if (seconds < 0.9995) return `${seconds < 0.00995 ? tenths.format(seconds * 1000) : Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${tenths.format(seconds)} s`;
  const total = Math.round(seconds);
  const parts = [
    [Math.floor(total / 86_400), "d"],
    [Math.floor(total / 3600) % 24, "h"],
    [Math.floor(total / 60) % 60, "min"],
    [total % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** The time of day of a time since the epoch. */
export function timeOfDay(seconds: number): string {
  return clock.format(seconds * 1000);
}

/** The same without seconds, unless there are some. */
export function minuteOfDay(seconds: number): string {
  return (seconds % 60 === 0 ? minute : clock).format(seconds * 1000);
}

export function dateTime(seconds: number): string {
  return moment.format(seconds * 1000);
}
