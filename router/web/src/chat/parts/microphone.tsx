/** A microphone whose words come into the box, written down by the server's own model. */
import { request } from "../../api/client";
import { ApiError, OfflineError } from "../../api/errors";
import type { Recording } from "../../media/recorder";
import { hearingModels } from "../../media/speech";
import { texts } from "../../texts";
import { toast } from "../../ui/toast";
import { RecordButton } from "./record_button";

const words = texts.chat;

export function Microphone({ onText }: { readonly onText: (text: string) => void }) {
  const [model] = hearingModels();
  if (model === undefined) return null;
  const writeDown = async (recording: Recording) => {
    const text = await transcribed(recording, model.id);
    if (text === "") toast(words.nothingHeard);
    else if (text !== null) onText(text);
  };
  return (
    <RecordButton
      icon="microphone"
      label={words.record}
      name="speech"
      works={words.transcribing}
      onRecorded={writeDown}
    />
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
