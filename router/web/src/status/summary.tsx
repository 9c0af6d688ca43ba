/** The state of the whole server in a few numbers. */
import type { ServerState } from "../api/server";
import { texts } from "../texts";
import { type Curves, latest } from "./curves";
import { bytes, count, duration, percent, rate } from "./format";

export function Summary({ server, curves }: { readonly server: ServerState; readonly curves: Curves | null }) {
  const words = texts.status.summary;
  const ready = server.models.filter((model) => model.state === "ready").length;
  const used = curves === null ? null : latest(curves.machine.memory_used_bytes);
  const total = curves?.machine.memory_total_bytes ?? null;
  return (
    <dl class="summary">
      <Tile name={words.models} value={`${count(ready)} / ${count(server.models.length)}`} note={words.ready} />
      <Tile
        name={words.running}
        value={count(sum(server.models.map((model) => model.running)))}
        note={words.waiting(count(sum(server.models.map((model) => model.waiting))))}
      />
      <Tile
        name={words.tokens}
        value={rate(sum(server.models.map((model) => model.tokens_per_s)))}
        note={words.perSecond}
      />
      <Tile
        name={words.ttft}
        value={duration(curves === null ? null : latest(curves.total.ttft_p50_s))}
        note={words.median}
      />
      <Tile
        name={words.memory}
        value={used === null || total === null ? "–" : percent(used / total)}
        note={total === null ? "" : words.of(bytes(used), bytes(total))}
      />
    </dl>
  );
}

function Tile({ name, value, note }: { readonly name: string; readonly value: string; readonly note: string }) {
  return (
    <div class="card summary-part">
      <dt>{name}</dt>
      <dd>
        <span class="summary-value">{value}</span>
        <span class="summary-note">{note}</span>
      </dd>
    </div>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
