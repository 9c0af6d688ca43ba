/** Text to speech (OpenAI's POST /v1/audio/speech), for servers with a model that gives audio. */
import { request } from "../../api/client";
import { server, type ServedModel } from "../../api/server";

/** A model that speaks; servers may say which voices it has. */
export interface SpeakingModel extends ServedModel {
  readonly voices?: readonly string[];
}

export function speakingModels(): readonly SpeakingModel[] {
  return server.value?.models.filter(({ outputs }) => outputs.includes("audio")) ?? [];
}

/** The spoken text, as a file that the browser can play. `voice` is empty for the model's own. */
export async function speak(model: string, voice: string, input: string, signal: AbortSignal): Promise<Blob> {
  const body = { model, input, ...(voice === "" ? {} : { voice }) };
  return (await request("v1/audio/speech", { body, signal })).blob();
}
