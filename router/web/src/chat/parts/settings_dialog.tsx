/** System prompt and parameters of a chat. */
import { useState } from "preact/hooks";

import { texts } from "../../texts";
import { Dialog } from "../../ui/dialog";
import { type Settings, THINKING } from "../store/types";
import { ToolsError, toolsOf } from "../talk/body";

const words = texts.chat;

export interface SettingsDialogProps {
  readonly title: string;
  readonly settings: Settings;
  /** Whether the model may think before it answers. */
  readonly thinks: boolean;
  readonly onApply: (settings: Settings, forNew: boolean) => void;
  readonly onClose: () => void;
}

export function SettingsDialog({ title, settings, thinks, onApply, onClose }: SettingsDialogProps) {
  const [draft, setDraft] = useState(settings);
  const [forNew, setForNew] = useState(false);
  const wrong = wrongTools(draft.tools);
  const change = (part: Partial<Settings>) => setDraft({ ...draft, ...part });
  return (
    <Dialog title={title} wide onClose={onClose}>
      <form
        class="settings"
        onSubmit={(event) => {
          event.preventDefault();
          if (wrong === null) onApply(draft, forNew);
        }}
      >
        <label class="field">
          <span class="label">{words.system}</span>
          <textarea
            class="input"
            rows={4}
            value={draft.system}
            aria-describedby="hint-system"
            onInput={(event) => change({ system: event.currentTarget.value })}
          />
          <span class="hint" id="hint-system">
            {words.systemHint}
          </span>
        </label>
        <div class="settings-grid">
          <NumberField name="temperature" value={draft.temperature} min={0} max={5} step="any" onChange={change} />
          <NumberField name="topP" value={draft.topP} min={0} max={1} step="any" onChange={change} />
          <NumberField name="maxTokens" value={draft.maxTokens} min={1} step="1" onChange={change} />
          <NumberField name="seed" value={draft.seed} min={0} step="1" onChange={change} />
          {(thinks || draft.thinking !== null) && <ThinkingField value={draft.thinking} onChange={change} />}
        </div>
        <details class="settings-tools" open={draft.tools !== ""}>
          <summary>{words.tools}</summary>
          <label class="field">
            <span class="hint">{words.toolsHint}</span>
            <textarea
              class="input mono"
              rows={6}
              spellcheck={false}
              aria-label={words.tools}
              aria-invalid={wrong !== null}
              value={draft.tools}
              onInput={(event) => change({ tools: event.currentTarget.value })}
            />
          </label>
          {wrong !== null && (
            <p class="error" role="alert">
              {words.toolsWrong(wrong)}
            </p>
          )}
        </details>
        <label>
          <input type="checkbox" checked={forNew} onChange={(event) => setForNew(event.currentTarget.checked)} />{" "}
          {words.forNew}
        </label>
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>
            {words.cancel}
          </button>
          <button type="submit" class="button primary" disabled={wrong !== null}>
            {words.apply}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

type Change = (part: Partial<Settings>) => void;

interface NumberFieldProps {
  readonly name: "temperature" | "topP" | "maxTokens" | "seed";
  readonly value: number | null;
  readonly min: number;
  readonly max?: number;
  readonly step: string;
  readonly onChange: Change;
}

function NumberField({ name, value, min, max, step, onChange }: NumberFieldProps) {
  return (
    <label class="field">
      <span class="label">{words[name]}</span>
      <input
        class="input"
        type="number"
        inputMode="decimal"
        min={min}
        max={max ?? Number.MAX_SAFE_INTEGER}
        step={step}
        placeholder={words.byDefault}
        aria-describedby={`hint-${name}`}
        value={value ?? ""}
        onInput={(event) => {
          const { value: typed, valueAsNumber } = event.currentTarget;
          onChange({ [name]: typed === "" ? null : valueAsNumber });
        }}
      />
      <span class="hint" id={`hint-${name}`}>
        {words[`${name}Hint`]}
      </span>
    </label>
  );
}

function ThinkingField({ value, onChange }: { readonly value: Settings["thinking"]; readonly onChange: Change }) {
  return (
    <label class="field">
      <span class="label">{words.thinking}</span>
      <select
        class="input"
        value={value ?? ""}
        aria-describedby="hint-thinking"
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          onChange({ thinking: THINKING.find((known) => known === chosen) ?? null });
        }}
      >
        <option value="">{words.byDefault}</option>
        {THINKING.map((effort) => (
          <option key={effort} value={effort}>
            {words.efforts[effort]}
          </option>
        ))}
      </select>
      <span class="hint" id="hint-thinking">
        {words.thinkingHint}
      </span>
    </label>
  );
}

/** Why a list of functions cannot be sent; null if it can. */
function wrongTools(text: string): string | null {
  try {
    toolsOf(text);
    return null;
  } catch (error) {
    if (error instanceof ToolsError) return error.message;
    throw error;
  }
}
