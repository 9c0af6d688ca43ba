/** A labelled number that keeps within its bounds. What is typed counts when it is a number. */
import { useEffect, useState } from "preact/hooks";

export interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  /** The nearest value that can be asked for. */
  readonly rounded?: (value: number) => number;
  readonly onChange: (value: number) => void;
}

export function NumberField({
  label,
  value,
  min,
  max,
  step = 1,
  rounded = (same) => same,
  onChange,
}: NumberFieldProps) {
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const settle = () => {
    const number = typed.trim() === "" ? NaN : Number(typed);
    const settled = Number.isFinite(number) ? rounded(Math.min(Math.max(number, min), max)) : value;
    setTyped(String(settled));
    if (settled !== value) onChange(settled);
  };
  return (
    <label class="field">
      <span class="label">{label}</span>
      <input
        class="input"
        type="number"
        inputMode={step < 1 ? "decimal" : "numeric"}
        min={min}
        max={max}
        step={step}
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          const number = event.currentTarget.valueAsNumber;
          if (Number.isFinite(number) && number >= min && number <= max && rounded(number) === number) onChange(number);
        }}
        onBlur={settle}
      />
    </label>
  );
}
