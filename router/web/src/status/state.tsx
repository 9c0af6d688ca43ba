/** A state in a word and a colour, and how full something is. */
import { texts } from "../texts";

const LOOKS: Readonly<Record<string, string>> = {
  ready: "good",
  running: "good",
  done: "good",
  loading: "warn",
  spawning: "warn",
  draining: "warn",
  exited: "bad",
  failed: "bad",
};

export function State({ state, progress = null }: { readonly state: string; readonly progress?: number | null }) {
  const names: Readonly<Record<string, string>> = texts.status.states;
  const name = names[state] ?? state;
  return (
    <span class={`state ${LOOKS[state] ?? "idle"}`}>
      <span class="dot" aria-hidden="true" />
      {progress === null ? name : `${name} ${Math.round(progress * 100)} %`}
    </span>
  );
}

export function Bar({ share, label }: { readonly share: number; readonly label: string }) {
  return <progress class="bar" value={Math.min(1, Math.max(0, share))} max={1} aria-label={label} />;
}
