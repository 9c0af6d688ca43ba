/** Models on this machine, for the operator: fetched with progress, and deleted. */
import { useState } from "preact/hooks";

import { request } from "../api/client";
import { pathOf } from "../api/url";
import { texts } from "../texts";
import { toast } from "../ui/toast";
import { Confirm } from "./confirm";
import { bytes } from "./format";
import { Panel } from "./panel";
import { attempt, usePolled } from "./polling";
import { type Pull, Pulls } from "./pulls";

interface StoredModel {
  readonly id: string;
  readonly licence: string;
  readonly size_bytes: number;
  readonly served_as: string | null;
}

const QUICK_MS = 1000;
const SLOW_MS = 5000;
const STORE_MS = 15_000;

export function Store() {
  const words = texts.status.store;
  const [pullMs, setPullMs] = useState(SLOW_MS);
  const pulls = usePolled<{ readonly data: readonly Pull[] }>("v1/pulls", pullMs);
  const store = usePolled<{ readonly data: readonly StoredModel[] }>("v1/store", STORE_MS);
  const [deleted, setDeleted] = useState<string | null>(null);
  const running = pulls.data?.data.filter((pull) => pull.state === "running").length ?? 0;
  const wanted = running > 0 ? QUICK_MS : SLOW_MS;
  if (wanted !== pullMs) {
    setPullMs(wanted);
    if (running === 0) void store.refresh(); // what has arrived is in the store now
  }
  const models = store.data?.data ?? [];
  const refresh = async () => {
    await Promise.all([pulls.refresh(), store.refresh()]);
  };
  return (
    <Panel name="store" title={words.title} error={store.error ?? pulls.error}>
      <div class="card stack">
        <PullForm onDone={pulls.refresh} />
        <Pulls pulls={pulls.data?.data ?? []} onChange={pulls.refresh} />
        {models.length === 0 ? (
          <p class="empty small">{words.none}</p>
        ) : (
          <ul class="list">
            {models.map((model) => (
              <li key={model.id}>
                <span class="row-name">{model.id}</span>
                <span class="soft">{[bytes(model.size_bytes), model.licence].filter(Boolean).join(" · ")}</span>
                {model.served_as === null ? (
                  <button
                    type="button"
                    class="button small danger"
                    aria-label={words.deleteOf(model.id)}
                    onClick={() => setDeleted(model.id)}
                  >
                    {words.delete}
                  </button>
                ) : (
                  <span class="badge">{words.served}</span>
                )}
              </li>
            ))}
          </ul>
        )}
      </div>
      {deleted !== null && (
        <Confirm
          title={words.askDelete(deleted)}
          action={words.delete}
          onClose={() => setDeleted(null)}
          onConfirm={async () => {
            await request(`v1/models/${pathOf(deleted)}`, { method: "DELETE" });
            toast(words.deleted(deleted));
            await refresh();
          }}
        >
          {words.deleteMeans}
        </Confirm>
      )}
    </Panel>
  );
}

function PullForm({ onDone }: { readonly onDone: () => Promise<void> }) {
  const words = texts.status.store;
  const [model, setModel] = useState("");
  const [error, setError] = useState("");
  const pull = async () => {
    setError("");
    await attempt(async () => {
      await request("v1/pulls", { body: { model: model.trim() } });
      setModel("");
      await onDone();
    }, setError);
  };
  return (
    <form
      class="pull-form"
      onSubmit={(event) => {
        event.preventDefault();
        void pull();
      }}
    >
      <label class="field">
        <span class="label">{words.model}</span>
        <input
          class="input"
          name="pull"
          required
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          placeholder="qwen3:4b"
          value={model}
          aria-invalid={error !== ""}
          aria-describedby="pull-hint"
          onInput={(event) => setModel(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button primary">
        {words.pull}
      </button>
      <p id="pull-hint" class={error === "" ? "hint" : "error"} role={error === "" ? undefined : "alert"}>
        {error === "" ? words.hint : error}
      </p>
    </form>
  );
}
