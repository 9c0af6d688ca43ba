/** Creates a key and shows it once, or changes the limits of one. */
import { useState } from "preact/hooks";

import { request, requestJson } from "../api/client";
import { apiKey, keepKey } from "../api/key";
import { refreshServer, server } from "../api/server";
import { texts } from "../texts";
import { copyText } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { toast } from "../ui/toast";
import { bodyOf, fieldsOf, type KeyFields, type Priority, type StoredKey } from "./key_types";
import { attempt } from "./polling";

const PRIORITIES: readonly Priority[] = ["interactive", "batch"];
const MAX_LIMIT = 999_999_999;

export interface KeyFormProps {
  /** The key to change; null to create one. */
  readonly stored: StoredKey | null;
  readonly onClose: () => void;
  readonly onDone: () => Promise<void>;
}

export function KeyForm({ stored, onClose, onDone }: KeyFormProps) {
  const words = texts.status.keys;
  const [isFirst] = useState(server.value?.needs_key === false);
  const [fields, setFields] = useState<KeyFields>(() => fieldsOf(stored, isFirst));
  const [created, setCreated] = useState<string | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const change = (changed: Partial<KeyFields>) => setFields({ ...fields, ...changed });
  const send = async () => {
    setBusy(true);
    setError("");
    await attempt(async () => {
      if (stored !== null) {
        await request("v1/keys", { method: "PUT", body: bodyOf(fields) });
        toast(words.changed(stored.name));
        onClose();
      } else {
        const { key } = await requestJson<{ readonly key: string }>("v1/keys", { body: bodyOf(fields) });
        if (apiKey.value === null && fields.admin) keepKey(key, true);
        setCreated(key);
      }
      await refreshServer();
      await onDone();
    }, setError);
    setBusy(false);
  };
  if (created !== null) return <Created name={fields.name.trim()} secret={created} onClose={onClose} />;
  return (
    <Dialog title={stored === null ? words.create : words.changeOf(stored.name)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {stored === null && (
          <label class="field">
            <span class="label">{words.name}</span>
            <input
              class="input"
              name="key-name"
              required
              autofocus
              maxLength={64}
              pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
              autocomplete="off"
              value={fields.name}
              onInput={(event) => change({ name: event.currentTarget.value })}
            />
            <span class="hint">{words.nameHint}</span>
          </label>
        )}
        <div class="two">
          <Limit
            label={words.runningLimit}
            none={words.noLimit}
            least={1}
            value={fields.running}
            onChange={(running) => change({ running })}
          />
          <Limit
            label={words.queuedLimit}
            none={words.usual}
            least={0}
            value={fields.queued}
            onChange={(queued) => change({ queued })}
          />
        </div>
        <Limit
          label={words.tokensLimit}
          none={words.noLimit}
          hint={words.tokensHint}
          least={1}
          value={fields.tokens}
          onChange={(tokens) => change({ tokens })}
        />
        <label class="field">
          <span class="label">{words.modelsLimit}</span>
          <input
            class="input"
            name="key-models"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            placeholder={words.allModels}
            value={fields.models}
            onInput={(event) => change({ models: event.currentTarget.value })}
          />
          <span class="hint">{words.modelsHint}</span>
        </label>
        <label class="field">
          <span class="label">{words.priority}</span>
          <select
            class="input"
            value={fields.priority}
            onChange={(event) => change({ priority: event.currentTarget.value as Priority })}
          >
            {PRIORITIES.map((priority) => (
              <option key={priority} value={priority}>
                {words.priorities[priority]}
              </option>
            ))}
          </select>
          <span class="hint">{words.priorityHint}</span>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={fields.admin}
            disabled={stored === null && isFirst}
            onChange={(event) => change({ admin: event.currentTarget.checked })}
          />
          <span>{words.isAdmin}</span>
        </label>
        {stored === null && isFirst && <p class="notice">{words.firstHint}</p>}
        {error !== "" && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>
            {texts.app.cancel}
          </button>
          <button type="submit" class="button primary" disabled={busy}>
            {stored === null ? words.create : words.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface LimitProps {
  readonly label: string;
  /** What an empty field means. */
  readonly none: string;
  readonly hint?: string;
  readonly least: number;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Limit({ label, none, hint, least, value, onChange }: LimitProps) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <input
        class="input"
        type="number"
        inputMode="numeric"
        min={least}
        max={MAX_LIMIT}
        step={1}
        placeholder={none}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {hint !== undefined && <span class="hint">{hint}</span>}
    </label>
  );
}

interface CreatedProps {
  readonly name: string;
  readonly secret: string;
  readonly onClose: () => void;
}

function Created({ name, secret, onClose }: CreatedProps) {
  const words = texts.status.keys;
  return (
    <Dialog title={words.createdTitle(name)} onClose={onClose}>
      <p>{words.once}</p>
      <div class="secret">
        <code>{secret}</code>
        <button
          type="button"
          class="button icon"
          aria-label={words.copy}
          title={words.copy}
          onClick={() => void copyText(secret)}
        >
          <Icon name="copy" />
        </button>
      </div>
      {apiKey.value === secret && <p class="soft">{words.usedHere}</p>}
      <div class="actions">
        <button type="button" class="button primary" onClick={onClose}>
          {words.kept}
        </button>
      </div>
    </Dialog>
  );
}
