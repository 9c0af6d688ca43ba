/** What to paint, and how. */
import { useRef } from "preact/hooks";

import { modelsOf, type ServedModel } from "../../api/server";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";
import {
  MAX_CFG_SCALE,
  MAX_COUNT,
  MAX_PROMPT_CHARS,
  MAX_STEPS,
  SAMPLERS,
  SCHEDULERS,
  seedOf,
} from "../settings/settings";
import { maxSide, nearestSide } from "../settings/sizes";
import { order } from "../work/runner";
import { inputPicture } from "./input";
import { InputField } from "./input_field";
import { NumberField } from "./number_field";
import { SizeField } from "./size_field";
import { change, settings, takeSettings } from "./state";

export function PictureForm() {
  const words = texts.pictures;
  const models = modelsOf("image");
  const model =
    models.find(({ id, aliases }) => id === settings.value.model || aliases.includes(settings.value.model)) ??
    models[0];
  const largest = maxSide(model?.max_image_side);
  const submit = (event: Event) => {
    event.preventDefault();
    paint(models, largest);
  };
  return (
    <form
      class="picture-form"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
      }}
    >
      <FormHead />
      {models.length > 1 && <ModelField models={models} chosen={model?.id ?? ""} />}
      <PromptFields />
      <InputField />
      <div class="field-row">
        <div class="field wide">
          <SizeField largest={largest} />
        </div>
      </div>
      <div class="field-row with-seed">
        <NumberField
          label={words.steps}
          value={settings.value.steps}
          min={1}
          max={MAX_STEPS}
          rounded={Math.round}
          onChange={(steps) => change({ steps })}
        />
        <NumberField
          label={words.count}
          value={settings.value.count}
          min={1}
          max={MAX_COUNT}
          rounded={Math.round}
          onChange={(count) => change({ count })}
        />
        <SeedField />
      </div>
      <MoreFields />
      {model?.state === "unloaded" && <p class="hint">{words.unloadedModel}</p>}
      {model?.state === "loading" && <p class="hint">{words.loadingModel}</p>}
      <button type="submit" class="button primary paint">
        <Icon name="brush" />
        {words.paint}
      </button>
    </form>
  );
}

/** Order what the form says. A model or a size that the server no longer has is replaced by one that it has. */
function paint(models: readonly ServedModel[], largest: number): void {
  const asked = settings.value;
  if (asked.prompt.trim() === "") {
    toast(texts.pictures.needsPrompt);
    document.getElementById("picture-prompt")?.focus();
    return;
  }
  const input = inputPicture.value;
  const side = (length: number | null) => (length === null ? (input === null ? 512 : null) : length);
  const within = (length: number | null) => (length === null ? null : nearestSide(length, largest));
  const model = models.some(({ id, aliases }) => id === asked.model || aliases.includes(asked.model))
    ? asked.model
    : (models[0]?.id ?? "");
  const wanted = { ...asked, model, width: within(side(asked.width)), height: within(side(asked.height)) };
  void order(wanted, input?.mask?.input ?? input?.file ?? null, input?.mask?.file ?? null).then(showWorks);
}

/** On a phone, what is in progress stands below the form. */
function showWorks(): void {
  document.querySelector(".works")?.lastElementChild?.scrollIntoView({ block: "nearest" });
}

function FormHead() {
  const words = texts.pictures;
  const chooser = useRef<HTMLInputElement>(null);
  return (
    <div class="form-head">
      <h1>{words.order}</h1>
      <button type="button" class="button quiet small" onClick={() => chooser.current?.click()}>
        <Icon name="upload" size={16} />
        {words.parameters.read}
      </button>
      <input
        ref={chooser}
        type="file"
        hidden
        accept="image/png,.png"
        aria-label={words.parameters.read}
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file !== undefined) void takeSettings(file);
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}

function ModelField({ models, chosen }: { readonly models: readonly ServedModel[]; readonly chosen: string }) {
  const words = texts.pictures;
  return (
    <label class="field">
      <span class="label">{words.model}</span>
      <select class="input" value={chosen} onChange={(event) => change({ model: event.currentTarget.value })}>
        {models.map(({ id, state }) => (
          <option key={id} value={id}>
            {state === "ready" ? id : `${id} (${words.modelStates[state as keyof typeof words.modelStates] ?? state})`}
          </option>
        ))}
      </select>
    </label>
  );
}

function PromptFields() {
  const words = texts.pictures;
  return (
    <>
      <label class="field">
        <span class="label">{words.prompt}</span>
        <textarea
          id="picture-prompt"
          class="input"
          rows={3}
          maxLength={MAX_PROMPT_CHARS}
          placeholder={words.promptExample}
          value={settings.value.prompt}
          onInput={(event) => change({ prompt: event.currentTarget.value })}
        />
      </label>
      <label class="field">
        <span class="label">{words.negativePrompt}</span>
        <textarea
          class="input"
          rows={1}
          maxLength={MAX_PROMPT_CHARS}
          placeholder={words.negativeExample}
          value={settings.value.negativePrompt}
          onInput={(event) => change({ negativePrompt: event.currentTarget.value })}
        />
      </label>
    </>
  );
}

function SeedField() {
  const words = texts.pictures;
  const { seed } = settings.value;
  return (
    <div class="field seed">
      <label class="label" for="picture-seed">
        {words.seed}
      </label>
      <div class="with-button">
        <input
          id="picture-seed"
          class="input"
          inputMode="numeric"
          pattern="[0-9]*"
          placeholder={words.randomSeed}
          value={seed ?? ""}
          onInput={(event) => {
            const digits = event.currentTarget.value.replace(/\D/g, "");
            const given = digits === "" ? null : seedOf(digits);
            event.currentTarget.value = given === null ? "" : String(given);
            change({ seed: given });
          }}
        />
        {seed !== null && (
          <button
            type="button"
            class="button small icon quiet"
            title={words.forgetSeed}
            aria-label={words.forgetSeed}
            onClick={() => change({ seed: null })}
          >
            <Icon name="dice" size={18} />
          </button>
        )}
      </div>
    </div>
  );
}

function MoreFields() {
  const words = texts.pictures;
  const { cfgScale, sampler, scheduler } = settings.value;
  return (
    <details class="more-settings">
      <summary>{words.more}</summary>
      <div class="field-row">
        <NumberField
          label={words.cfgScale}
          value={cfgScale}
          min={0}
          max={MAX_CFG_SCALE}
          step={0.5}
          onChange={(changed) => change({ cfgScale: changed })}
        />
        <NameField
          label={words.sampler}
          names={SAMPLERS}
          value={sampler}
          onChange={(name) => change({ sampler: name })}
        />
        <NameField
          label={words.scheduler}
          names={SCHEDULERS}
          value={scheduler}
          onChange={(name) => change({ scheduler: name })}
        />
      </div>
    </details>
  );
}

interface NameFieldProps {
  readonly label: string;
  readonly names: readonly string[];
  readonly value: string;
  readonly onChange: (name: string) => void;
}

function NameField({ label, names, value, onChange }: NameFieldProps) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <select class="input" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{texts.pictures.modelsOwn}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
