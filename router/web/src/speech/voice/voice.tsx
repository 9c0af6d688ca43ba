/** Reads a text aloud. Nothing is shown where no served model can speak. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { ApiError, isAbort, OfflineError } from "../../api/errors";
import { urlOfBlob } from "../../media/blob_url";
import { fileName, saveFile } from "../../media/save";
import { speak, speakingModels } from "../../media/speech";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";
import { tellLoad } from "../list";

export function Voice() {
  const words = texts.speech.voice;
  const [model] = speakingModels();
  const text = useSignal("");
  const voice = useSignal("");
  const spoken = useSignal<Blob | null>(null);
  const speaking = useSignal(false);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  if (model === undefined) return null;
  const load = tellLoad(model.id);

  async function start(id: string): Promise<void> {
    abort.current?.abort();
    abort.current = new AbortController();
    speaking.value = true;
    try {
      spoken.value = await speak(id, voice.value, text.value, abort.current.signal);
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof OfflineError)) {
        if (isAbort(error)) return;
        throw error;
      }
      toast(error.message);
    }
    speaking.value = false;
  }

  return (
    <section class="card new-transcript" aria-label={words.title}>
      <h2>{words.title}</h2>
      <label class="field">
        <span class="label">{words.text}</span>
        <textarea
          class="input"
          rows={3}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </label>
      {(model.voices?.length ?? 0) > 0 && (
        <label class="field">
          <span class="label">{words.voice}</span>
          <select class="input" value={voice.value} onChange={(event) => (voice.value = event.currentTarget.value)}>
            <option value="">{words.anyVoice}</option>
            {model.voices?.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <button
        type="button"
        class="button primary"
        disabled={text.value.trim() === "" || speaking.value}
        onClick={() => void start(model.id)}
      >
        <Icon name="speaker" />
        {speaking.value ? words.speaking : words.speak}
      </button>
      {speaking.value && load !== null && (
        <p class="hint" role="status">
          {load}
        </p>
      )}
      {spoken.value !== null && (
        <div class="spoken">
          <audio src={urlOfBlob(spoken.value)} controls autoplay aria-label={words.result} />
          <button
            type="button"
            class="button small"
            onClick={() =>
              spoken.value !== null && saveFile(`${fileName(text.value)}.${extensionOf(spoken.value)}`, spoken.value)
            }
          >
            <Icon name="download" size={16} />
            {words.save}
          </button>
        </div>
      )}
    </section>
  );
}

function extensionOf({ type }: Blob): string {
  return type.includes("wav") ? "wav" : type.includes("ogg") || type.includes("opus") ? "ogg" : "mp3";
}
