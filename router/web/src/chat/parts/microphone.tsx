/** A microphone whose words come into the box, written down by the server's own model. */
import { useEffect, useRef, useState } from "preact/hooks";

import { request } from "../../api/client";
import { ApiError, OfflineError } from "../../api/errors";
import { type Recording, Recorder, recordingFailure, recordingObstacle } from "../../media/recorder";
import { hearingModels } from "../../media/speech";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";

const words = texts.chat;

type State = "idle" | "records" | "transcribes";

export function Microphone({ onText }: { readonly onText: (text: string) => void }) {
  const [state, setState] = useState<State>("idle");
  const recorder = useRef<Recorder | null>(null);
  useEffect(() => () => void recorder.current?.cancel(), []);
  const [model] = hearingModels();
  if (model === undefined) return null;
  const obstacle = recordingObstacle();

  const start = async () => {
    if (obstacle !== null) {
      toast(words.microphone[obstacle]);
      return;
    }
    try {
      recorder.current = await Recorder.start();
      setState("records");
    } catch (error) {
      toast(words.microphone[recordingFailure(error)]);
    }
  };
  const stop = async () => {
    const recording = await recorder.current?.stop("speech");
    recorder.current = null;
    if (recording === undefined) return;
    setState("transcribes");
    const text = await transcribed(recording, model.id);
    setState("idle");
    if (text === "") toast(words.nothingHeard);
    else if (text !== null) onText(text);
  };
  if (state === "transcribes") {
    return (
      <span class="composer-told" role="status">
        <span class="chat-coming" />
        {words.transcribing}
      </span>
    );
  }
  const label = state === "records" ? words.stopRecording : words.record;
  return (
    <>
      <button
        type="button"
        class={state === "records" ? "button icon recording" : "button quiet icon"}
        title={obstacle === null ? label : words.microphone[obstacle]}
        aria-label={label}
        aria-disabled={obstacle !== null}
        onClick={() => void (state === "records" ? stop() : start())}
      >
        <Icon name={state === "records" ? "stop" : "microphone"} />
      </button>
      {state === "records" && recorder.current !== null && <Level recorder={recorder.current} />}
    </>
  );
}

/** How long and how loud it is. */
function Level({ recorder }: { readonly recorder: Recorder }) {
  return (
    <span class="composer-told">
      <meter class="level" min={0} max={1} value={recorder.level.value} aria-label={words.level} />
      {words.wholeSeconds(recorder.elapsedS.value)}
    </span>
  );
}

/** What was said; null if that could not be found out, which the user is told. */
async function transcribed(recording: Recording, model: string): Promise<string | null> {
  const form = new FormData();
  form.append("file", recording.file);
  form.append("model", model);
  try {
    const answer = await request("v1/audio/transcriptions", { body: form });
    return ((await answer.json()) as { text: string }).text.trim();
  } catch (error) {
    if (!(error instanceof ApiError) && !(error instanceof OfflineError)) throw error;
    toast(error.message);
    return null;
  }
}
