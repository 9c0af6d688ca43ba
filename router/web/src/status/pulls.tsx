/** Models that are being fetched, or lately were: the server goes on with them whatever happens to this page. */
import { request } from "../api/client";
import { texts } from "../texts";
import { copyText } from "../ui/copy";
import { Icon } from "../ui/icon";
import { toast } from "../ui/toast";
import { bytes } from "./format";
import { attempt } from "./polling";
import { Bar, State } from "./state";

/** An item of `GET /v1/pulls`. */
export interface Pull {
  readonly id: string;
  readonly model: string;
  readonly state: "running" | "done" | "failed" | "stopped";
  readonly started: number;
  readonly done_bytes: number;
  readonly total_bytes: number;
  readonly error: string;
  readonly serve: string | null;
}

interface PullsProps {
  readonly pulls: readonly Pull[];
  readonly onChange: () => Promise<void>;
}

export function Pulls({ pulls, onChange }: PullsProps) {
  if (pulls.length === 0) return null;
  return (
    <ul class="list">
      {pulls.map((pull) => (
        <Item key={pull.id} pull={pull} onChange={onChange} />
      ))}
    </ul>
  );
}

function Item({ pull, onChange }: { readonly pull: Pull; readonly onChange: () => Promise<void> }) {
  const words = texts.status.store;
  const running = pull.state === "running";
  const end = () =>
    attempt(async () => {
      await request(`v1/pulls/${pull.id}`, { method: "DELETE" });
      await onChange();
    }, toast);
  return (
    <li class="pull">
      <span class="row-name">{pull.model}</span>
      {running ? <span class="soft">{progressOf(pull)}</span> : <State state={pull.state} />}
      <button
        type="button"
        class="button small"
        aria-label={(running ? words.stopOf : words.dismissOf)(pull.model)}
        onClick={() => void end()}
      >
        {running ? words.stop : words.dismiss}
      </button>
      {running && <Bar share={shareOf(pull)} label={words.progressOf(pull.model)} />}
      {pull.error !== "" && <p class="error">{pull.error}</p>}
      {pull.serve !== null && <Serve command={pull.serve} />}
    </li>
  );
}

function Serve({ command }: { readonly command: string }) {
  const words = texts.status.store;
  return (
    <div class="serve">
      <span class="soft">{words.toServe}</span>
      <code>{command}</code>
      <button
        type="button"
        class="button small icon"
        aria-label={words.copy}
        title={words.copy}
        onClick={() => void copyText(command)}
      >
        <Icon name="copy" size={16} />
      </button>
    </div>
  );
}

function shareOf({ done_bytes, total_bytes }: Pull): number {
  return total_bytes === 0 ? 0 : done_bytes / total_bytes;
}

function progressOf(pull: Pull): string {
  if (pull.total_bytes === 0) return texts.status.store.beginning;
  return texts.status.store.arrived(bytes(pull.done_bytes), bytes(pull.total_bytes));
}
