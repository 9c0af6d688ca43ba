/** A new transcript: of files, or of the microphone. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { linkTo, navigate } from "../app/route";
import { DropZone } from "../media/drop_zone";
import { isTouched } from "../media/pointer";
import { Recorder, recordingFailure, recordingObstacle } from "../media/recorder";
import { hearingModels } from "../media/speech";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { toast } from "../ui/toast";
import { namedLanguages } from "./languages";
import { currentWish, options } from "./options";
import { clock } from "./transcript/subtitles";
import { transcribe } from "./work/runner";

export function NewTranscript() {
  const words = texts.speech;
  return (
    <section class="card new-transcript" aria-label={words.new}>
      <h1>{words.new}</h1>
      <DropZone accept="audio/*,video/*" label={words.files} multiple paste onFiles={(files) => void take(files)}>
        <Icon name="upload" />
        <span>{isTouched() ? words.chooseFiles : words.drop}</span>
      </DropZone>
      <Microphone />
      <Options />
    </section>
  );
}

async function take(files: readonly File[], durationS: number | null = null): Promise<void> {
  const first = await transcribe(files, currentWish(), durationS);
  if (first !== null) navigate(linkTo("speech", first));
}

function Microphone() {
  const words = texts.speech;
  const recorder = useSignal<Recorder | null>(null);
  useEffect(() => () => void recorder.value?.cancel(), []);
  const obstacle = recordingObstacle();
  if (recorder.value !== null) {
    return <RecordingNow recorder={recorder.value} onEnd={() => (recorder.value = null)} />;
  }
  const record = async () => {
    try {
      recorder.value = await Recorder.start();
    } catch (error) {
      console.info("nothing is recorded", error);
      toast(words.failures[recordingFailure(error)]);
    }
  };
  return (
    <div class="microphone">
      <button
        type="button"
        class="button record"
        disabled={obstacle !== null}
        aria-describedby={obstacle === null ? undefined : "no-microphone"}
        onClick={() => void record()}
      >
        <Icon name="microphone" />
        {words.record}
      </button>
      {obstacle !== null && (
        <p class="hint" id="no-microphone">
          {words.obstacles[obstacle]} {obstacle === "insecure" && <a href="#/help">{words.obstacles.help}</a>}
        </p>
      )}
    </div>
  );
}

function RecordingNow({ recorder, onEnd }: { readonly recorder: Recorder; readonly onEnd: () => void }) {
  const words = texts.speech;
  const finish = async () => {
    const name = `${words.recordingName} ${new Date().toLocaleString().replaceAll(/[\/:]/g, "-")}`;
    const { file, durationS } = await recorder.stop(name);
    onEnd();
    await take([file], durationS);
  };
  return (
    <div class="microphone recorder" role="group" aria-label={words.recording}>
      <div class="recording-state">
        <span class="recording-dot" />
        <span class="time">{clock(recorder.elapsedS.value)}</span>
        <meter aria-label={words.level} min={0} max={1} value={recorder.level.value} />
      </div>
      <div class="buttons">
        <button type="button" class="button primary" onClick={() => void finish()}>
          <Icon name="stop" />
          {words.stopRecording}
        </button>
        <button
          type="button"
          class="button quiet"
          onClick={() => {
            void recorder.cancel();
            onEnd();
          }}
        >
          {words.cancelRecording}
        </button>
      </div>
    </div>
  );
}

function Options() {
  const words = texts.speech;
  const models = hearingModels();
  const { task, language, model } = currentWish();
  const chosen = models.find(({ id }) => id === model);
  const change = (changes: Partial<typeof options.value>) => (options.value = { ...options.value, ...changes });
  return (
    <div class="speech-options">
      <label class="field">
        <span class="label">{words.language}</span>
        <select
          class="input"
          value={task === "translate" ? "" : language}
          disabled={task === "translate"}
          onChange={(event) => change({ language: event.currentTarget.value })}
        >
          <option value="">{words.detect}</option>
          {namedLanguages(texts.language).map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {chosen?.translates === true && (
        <label class="field">
          <span class="label">{words.task}</span>
          <select
            class="input"
            value={task}
            onChange={(event) =>
              change({ task: event.currentTarget.value === "translate" ? "translate" : "transcribe" })
            }
          >
            <option value="transcribe">{words.tasks.transcribe}</option>
            <option value="translate">{words.tasks.translate}</option>
          </select>
        </label>
      )}
      {models.length > 1 && (
        <label class="field">
          <span class="label">{words.model}</span>
          <select class="input" value={model} onChange={(event) => change({ model: event.currentTarget.value })}>
            {models.map(({ id, state }) => (
              <option key={id} value={id}>
                {state === "ready" ? id : `${id} (${nameOf(state)})`}
              </option>
            ))}
          </select>
        </label>
      )}
      {chosen?.state === "unloaded" && <p class="hint">{words.unloadedModel}</p>}
    </div>
  );
}

function nameOf(state: string): string {
  const names: Readonly<Record<string, string>> = texts.speech.modelStates;
  return names[state] ?? state;
}
