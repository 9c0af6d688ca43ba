/** The request that a transcript is made by. */
import type { Transcript } from "../transcript/transcript";

export interface SpeechRequest {
  readonly path: string;
  readonly body: FormData;
}

/** `withWords`: whether the times of words are asked for, which not all models know. */
export function requestOf(
  { task, model, language, name }: Transcript,
  recording: Blob,
  withWords: boolean,
): SpeechRequest {
  const body = new FormData();
  body.set("model", model);
  body.set("response_format", "verbose_json");
  body.set("stream", "true");
  if (task === "transcribe") {
    if (language !== "") body.set("language", language);
    if (withWords) body.set("timestamp_granularities[]", "word");
  }
  body.set("file", recording, name); // last: a server can check the other fields before it
  return { path: task === "translate" ? "v1/audio/translations" : "v1/audio/transcriptions", body };
}
