/** Short notices at the bottom of the page, read out by screen readers. */
import { signal } from "@preact/signals";

const SHOWN_MS = 6000;

interface Toast {
  readonly id: number;
  readonly text: string;
}

const toasts = signal<readonly Toast[]>([]);
let count = 0;

export function toast(text: string): void {
  const shown = { id: ++count, text };
  toasts.value = [...toasts.value, shown];
  setTimeout(() => (toasts.value = toasts.value.filter((other) => other !== shown)), SHOWN_MS);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text }) => (
        <div key={id} class="toast">
          {text}
        </div>
      ))}
    </div>
  );
}
