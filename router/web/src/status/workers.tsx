/** The worker processes; the operator drains and restarts them here. */
import { useState } from "preact/hooks";

import { request } from "../api/client";
import { pathOf } from "../api/url";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { toast } from "../ui/toast";
import { Confirm } from "./confirm";
import { bytes, count, percent, rate } from "./format";
import { Panel } from "./panel";
import { usePolled } from "./polling";
import { Bar, State } from "./state";

/** A row of `GET /v1/workers`. */
interface Worker {
  readonly name: string;
  readonly model: string;
  readonly state: string;
  readonly pid: number | null;
  readonly device: string | null;
  readonly slots: number;
  readonly running: number;
  readonly queued: number;
  readonly memory_bytes: number;
  readonly kv_used_tokens: number;
  readonly kv_total_tokens: number;
  readonly tokens_per_s: number;
  readonly restarts: number;
  readonly loading: number;
  readonly detail: string;
  readonly last_lines: readonly string[];
}

interface Order {
  readonly verb: "drain" | "restart";
  /** A worker's name; null for all. */
  readonly worker: string | null;
}

const POLL_MS = 2000;
/** States that their `detail` explains; of others it tells how the process before them ended. */
const EXPLAINED: readonly string[] = ["exited", "failed", "drained"];

export function Workers({ control }: { readonly control: boolean }) {
  const words = texts.status.workers;
  const { data, error, refresh } = usePolled<{ readonly data: readonly Worker[] }>("v1/workers", POLL_MS);
  const [order, setOrder] = useState<Order | null>(null);
  return (
    <Panel
      name="workers"
      title={words.title}
      tools={
        control && (
          <button type="button" class="button small" onClick={() => setOrder({ verb: "restart", worker: null })}>
            <Icon name="refresh" size={16} />
            {words.restartAll}
          </button>
        )
      }
      error={error}
    >
      <div class="card table-card">
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">{words.name}</th>
              <th scope="col">{words.state}</th>
              <th scope="col">{words.device}</th>
              <th scope="col" class="number">
                {words.memory}
              </th>
              <th scope="col">{words.cache}</th>
              <th scope="col" class="number">
                {words.jobs}
              </th>
              <th scope="col" class="number">
                {words.tokens}
              </th>
              <th scope="col" class="number">
                {words.restarts}
              </th>
              {control && (
                <th scope="col">
                  <span class="visually-hidden">{words.orders}</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {data?.data.map((worker) => (
              <Row key={worker.name} worker={worker} onOrder={control ? setOrder : null} />
            ))}
          </tbody>
        </table>
      </div>
      {order !== null && <OrderDialog order={order} onClose={() => setOrder(null)} onDone={refresh} />}
    </Panel>
  );
}

interface RowProps {
  readonly worker: Worker;
  readonly onOrder: ((order: Order) => void) | null;
}

function Row({ worker, onOrder }: RowProps) {
  const words = texts.status.workers;
  const detail = EXPLAINED.includes(worker.state) ? worker.detail : "";
  const cache = worker.kv_total_tokens > 0 ? worker.kv_used_tokens / worker.kv_total_tokens : null;
  return (
    <tr>
      <th scope="row" class="main-cell">
        <span class="row-name">{worker.name}</span>
        {worker.pid !== null && <span class="soft">{words.process(worker.pid)}</span>}
      </th>
      <td class={detail === "" ? undefined : "wide"} data-label={words.state}>
        <State
          state={worker.state}
          progress={worker.state === "loading" && worker.loading > 0 ? worker.loading : null}
        />
        {detail !== "" && <span class="detail">{detail}</span>}
        {worker.last_lines.length > 0 && (
          <details class="output">
            <summary>{words.output}</summary>
            <pre>{worker.last_lines.join("\n")}</pre>
          </details>
        )}
      </td>
      <td data-label={words.device}>{worker.device ?? "–"}</td>
      <td class="number" data-label={words.memory}>
        {worker.pid === null ? "–" : bytes(worker.memory_bytes)}
      </td>
      <td data-label={words.cache}>
        {cache === null ? (
          "–"
        ) : (
          <span class="gauge">
            <Bar share={cache} label={words.cacheOf(worker.name)} />
            <span>{percent(cache)}</span>
          </span>
        )}
      </td>
      <td class="number" data-label={words.jobs}>{`${count(worker.running)} + ${count(worker.queued)}`}</td>
      <td class="number" data-label={words.tokens}>
        {rate(worker.tokens_per_s)}
      </td>
      <td class="number" data-label={words.restarts}>
        {count(worker.restarts)}
      </td>
      {onOrder !== null && (
        <td class="row-actions">
          <button
            type="button"
            class="button small"
            aria-label={words.restartOf(worker.name)}
            onClick={() => onOrder({ verb: "restart", worker: worker.name })}
          >
            {words.restart}
          </button>
          <button
            type="button"
            class="button small"
            aria-label={words.drainOf(worker.name)}
            disabled={worker.state !== "ready" && worker.state !== "loading"}
            onClick={() => onOrder({ verb: "drain", worker: worker.name })}
          >
            {words.drain}
          </button>
        </td>
      )}
    </tr>
  );
}

interface OrderDialogProps {
  readonly order: Order;
  readonly onClose: () => void;
  readonly onDone: () => Promise<void>;
}

function OrderDialog({ order, onClose, onDone }: OrderDialogProps) {
  const words = texts.status.workers;
  const name = order.worker ?? words.all;
  const path = order.worker === null ? "v1/workers/restart" : `v1/workers/${pathOf(order.worker)}/${order.verb}`;
  const send = async () => {
    await request(path, { method: "POST" });
    toast(words.ordered[order.verb](name));
    await onDone();
  };
  return (
    <Confirm title={words.ask[order.verb](name)} action={words[order.verb]} onClose={onClose} onConfirm={send}>
      {words.meaning[order.verb]}
    </Confirm>
  );
}
