/** A button that records from the microphone. */
import { useEffect, useRef, useState } from "preact/hooks";

import { type Recording, Recorder, recordingFailure, recordingObstacle } from "../../media/recorder";
import { texts } from "../../texts";
import { Icon, type IconName } from "../../ui/icon";
import { toast } from "../../ui/toast";

const words = texts.chat;

type State = "idle" | "records" | "works";

export interface RecordButtonProps {
  readonly icon: IconName;
  readonly label: string;
  /** The recording's name. */
  readonly name: string;
  /** Told while it is made use of. */
  readonly works?: string;
  readonly onRecorded: (recording: Recording) => void | Promise<void>;
}

export function RecordButton({ icon, label, name, works = "", onRecorded }: RecordButtonProps) {
  const [state, setState] = useState<State>("idle");
  const recorder = useRef<Recorder | null>(null);
  useEffect(() => () => void recorder.current?.cancel(), []);
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
    const recording = await recorder.current?.stop(name);
    recorder.current = null;
    if (recording === undefined) return;
    setState("works");
    await onRecorded(recording);
    setState("idle");
  };
  if (state === "works") {
    return (
      <span class="composer-told" role="status">
        <span class="chat-coming" />
        {works}
      </span>
    );
  }
  const shown = state === "records" ? words.stopRecording : label;
  return (
    <>
      <button
        type="button"
        class={state === "records" ? "button icon recording" : "button quiet icon"}
        title={obstacle === null ? shown : words.microphone[obstacle]}
        aria-label={shown}
        aria-disabled={obstacle !== null}
        onClick={() => void (state === "records" ? stop() : start())}
      >
        <Icon name={state === "records" ? "stop" : icon} />
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
