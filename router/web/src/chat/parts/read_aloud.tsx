/** Reads an answer aloud, where the server has a model that speaks. */
import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError, isAbort, OfflineError } from "../../api/errors";
import { speak, speakingModels } from "../../media/speech";
import { texts } from "../../texts";
import { toast } from "../../ui/toast";
import { IconButton } from "./icon_button";

interface Reading {
  readonly abort: AbortController;
  sound: HTMLAudioElement | null;
}

export function ReadAloud({ text }: { readonly text: string }) {
  const reading = useRef<Reading | null>(null);
  const [reads, setReads] = useState(false);
  const stop = () => {
    reading.current?.abort.abort();
    reading.current?.sound?.pause();
    reading.current = null;
    setReads(false);
  };
  useEffect(() => stop, []);
  const [model] = speakingModels();
  if (model === undefined || text === "") return null;
  const start = async () => {
    const current: Reading = { abort: new AbortController(), sound: null };
    reading.current = current;
    setReads(true);
    try {
      const url = URL.createObjectURL(await speak(model.id, "", text, current.abort.signal));
      const sound = new Audio(url);
      current.sound = sound;
      sound.onended = () => {
        URL.revokeObjectURL(url);
        if (reading.current === current) stop();
      };
      if (!current.abort.signal.aborted) await sound.play();
    } catch (error) {
      if (reading.current === current) stop();
      if (isAbort(error)) return;
      if (!(error instanceof ApiError) && !(error instanceof OfflineError) && !(error instanceof DOMException))
        throw error;
      toast(error.message);
    }
  };
  const label = reads ? texts.chat.stopReading : texts.chat.readAloud;
  return <IconButton icon={reads ? "stop" : "speaker"} label={label} onClick={() => (reads ? stop() : void start())} />;
}
