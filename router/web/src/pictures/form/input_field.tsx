/** The input picture: dropped, pasted or chosen, with the part of it to paint anew. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { urlOfBlob } from "../../media/blob_url";
import { DropZone } from "../../media/drop_zone";
import { isTouched } from "../../media/pointer";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";
import { MaskEditor } from "../mask/editor";
import { MIN_STRENGTH, type PictureSettings } from "../settings/settings";
import { inputPicture, type InputPicture, takeInput } from "./input";
import { change, removeInput, settings, settingsIn, applySettings } from "./state";

export function InputField() {
  const words = texts.pictures.input;
  const input = inputPicture.value;
  if (input !== null) return <ChosenInput input={input} />;
  return (
    <DropZone accept="image/*" label={words.label} paste onFiles={([file]) => void (file && take(file))}>
      <Icon name="picture" />
      <span>{isTouched() ? words.choose : words.drop}</span>
    </DropZone>
  );
}

async function take(file: File): Promise<void> {
  if (await takeInput(file, file.name)) change({ width: null, height: null });
  else toast(texts.pictures.input.unreadable);
}

function ChosenInput({ input }: { readonly input: InputPicture }) {
  const words = texts.pictures;
  const painting = useSignal(false);
  const found = useSignal<PictureSettings | null>(null);
  useEffect(() => void settingsIn(input.file).then((settings) => (found.value = settings)), [input.file]);
  const { mask } = input;
  return (
    <div class="input-picture">
      <div class="input-shown">
        <img src={urlOfBlob(mask?.input ?? input.file)} alt={words.input.label} />
        {mask !== null && <img class="input-mask" src={urlOfBlob(mask.file)} alt={words.input.masked} />}
        <button
          type="button"
          class="button small icon input-remove"
          title={words.input.remove}
          aria-label={words.input.remove}
          onClick={removeInput}
        >
          <Icon name="close" size={16} />
        </button>
      </div>
      <div class="input-options">
        <label class="field">
          <span class="label">{`${words.strength} ${Math.round(settings.value.strength * 100)} %`}</span>
          <input
            type="range"
            min={MIN_STRENGTH}
            max={1}
            step={0.01}
            value={settings.value.strength}
            onInput={(event) => change({ strength: event.currentTarget.valueAsNumber })}
          />
          <span class="hint ends" aria-hidden="true">
            {words.strengthEnds.map((end) => (
              <span key={end}>{end}</span>
            ))}
          </span>
        </label>
        <div class="buttons">
          <button type="button" class="button small" onClick={() => (painting.value = true)}>
            <Icon name="brush" size={16} />
            {mask === null ? words.input.mask : words.input.changeMask}
          </button>
          {mask !== null && (
            <button type="button" class="button small" onClick={() => (inputPicture.value = { ...input, mask: null })}>
              {words.input.removeMask}
            </button>
          )}
        </div>
      </div>
      {found.value !== null && <FoundSettings found={found.value} onTaken={() => (found.value = null)} />}
      {painting.value && <MaskEditor input={input} onClose={() => (painting.value = false)} />}
    </div>
  );
}

function FoundSettings({ found, onTaken }: { readonly found: PictureSettings; readonly onTaken: () => void }) {
  const words = texts.pictures;
  return (
    <p class="notice found-settings">
      <span>{words.input.hasParameters}</span>
      <button
        type="button"
        class="button small"
        onClick={() => {
          applySettings(found);
          onTaken();
          toast(words.parameters.taken);
        }}
      >
        {words.parameters.use}
      </button>
    </p>
  );
}
