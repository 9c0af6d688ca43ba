/** The API keys, for the operator: created with limits and shown once, changed, revoked. */
import { useState } from "preact/hooks";

import { request } from "../api/client";
import { server } from "../api/server";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { toast } from "../ui/toast";
import { Confirm } from "./confirm";
import { count, dateTime } from "./format";
import { KeyForm } from "./key_form";
import type { StoredKey } from "./key_types";
import { Panel } from "./panel";
import { usePolled } from "./polling";

const POLL_MS = 10_000;
const SHOWN_MODELS = 3;

export function Keys({ control }: { readonly control: boolean }) {
  const words = texts.status.keys;
  const { data, error, refresh } = usePolled<{ readonly data: readonly StoredKey[] }>("v1/keys", POLL_MS);
  const [form, setForm] = useState<StoredKey | "new" | null>(null);
  const [revoked, setRevoked] = useState<string | null>(null);
  const keys = data?.data ?? [];
  return (
    <Panel
      name="keys"
      title={words.title}
      tools={
        control && (
          <button type="button" class="button small primary" onClick={() => setForm("new")}>
            <Icon name="plus" size={16} />
            {words.create}
          </button>
        )
      }
      error={error}
    >
      <div class="card table-card">
        {keys.length === 0 ? (
          <p class="empty small">{words.none}</p>
        ) : (
          <table class="rows">
            <thead>
              <tr>
                <th scope="col">{words.name}</th>
                <th scope="col" class="number">
                  {words.running}
                </th>
                <th scope="col" class="number">
                  {words.queued}
                </th>
                <th scope="col">{words.priority}</th>
                <th scope="col" class="number">
                  {words.tokens}
                </th>
                <th scope="col">{words.models}</th>
                <th scope="col">{words.created}</th>
                {control && (
                  <th scope="col">
                    <span class="visually-hidden">{words.actions}</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {keys.map((key) => (
                <tr key={key.id}>
                  <th scope="row" class="main-cell">
                    <span class="row-name">
                      {key.name}
                      {key.admin && <span class="badge">{words.admin}</span>}
                      {key.name === server.value?.caller.key && <span class="badge">{words.own}</span>}
                    </span>
                  </th>
                  <td class="number" data-label={words.running}>
                    {limit(key.max_running, words.noLimit)}
                  </td>
                  <td class="number" data-label={words.queued}>
                    {limit(key.max_queued, words.usual)}
                  </td>
                  <td data-label={words.priority}>{words.priorities[key.priority]}</td>
                  <td class="number" data-label={words.tokens}>
                    {limit(key.tokens_per_day, words.noLimit)}
                  </td>
                  <td class="wide key-models" data-label={words.models} title={key.models?.join(", ")}>
                    {modelsIn(key.models)}
                  </td>
                  <td class="wide" data-label={words.created}>
                    {dateTime(key.created)}
                  </td>
                  {control && (
                    <td class="row-actions">
                      <button
                        type="button"
                        class="button small"
                        aria-label={words.changeOf(key.name)}
                        onClick={() => setForm(key)}
                      >
                        {words.change}
                      </button>
                      <button
                        type="button"
                        class="button small danger"
                        aria-label={words.revokeOf(key.name)}
                        onClick={() => setRevoked(key.name)}
                      >
                        {words.revoke}
                      </button>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
      {form !== null && (
        <KeyForm stored={form === "new" ? null : form} onClose={() => setForm(null)} onDone={refresh} />
      )}
      {revoked !== null && <Revoke name={revoked} onClose={() => setRevoked(null)} onDone={refresh} />}
    </Panel>
  );
}

interface RevokeProps {
  readonly name: string;
  readonly onClose: () => void;
  readonly onDone: () => Promise<void>;
}

function Revoke({ name, onClose, onDone }: RevokeProps) {
  const words = texts.status.keys;
  const isOwn = name === server.value?.caller.key;
  const revoke = async () => {
    await request(`v1/keys/${encodeURIComponent(name)}`, { method: "DELETE" });
    toast(words.revoked(name));
    await onDone();
  };
  return (
    <Confirm title={words.askRevoke(name)} action={words.revoke} onClose={onClose} onConfirm={revoke}>
      {words.revokeMeans} {isOwn && words.revokeOwn}
    </Confirm>
  );
}

function limit(value: number | null, none: string): string {
  return value === null ? none : count(value);
}

/** The first names of a list that may be long; its cell has all of them as its title. */
function modelsIn(models: readonly string[] | null): string {
  const words = texts.status.keys;
  if (models === null) return words.all;
  const first = models.slice(0, SHOWN_MODELS).join(", ");
  return models.length > SHOWN_MODELS ? words.andMore(first, models.length - SHOWN_MODELS) : first;
}
