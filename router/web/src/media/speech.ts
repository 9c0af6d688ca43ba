/** The served models that hear and speak. */
import { request } from "../api/client";
import { modelsOf, server, type ServedModel } from "../api/server";

/** A model that speaks; servers may say which voices it has. */
export interface SpeakingModel extends ServedModel {
  readonly voices?: readonly string[];
}

/** The models that write down what they hear. */
export function hearingModels(): readonly ServedModel[] {
  return modelsOf("speech").filter(({ outputs }) => outputs.includes("text"));
}

/** The models that read aloud. */
export function speakingModels(): readonly SpeakingModel[] {
  return server.value?.models.filter(({ outputs }) => outputs.includes("audio")) ?? [];
}

/**
 * The spoken text (OpenAI's POST /v1/audio/speech), as a file that the browser can play.
 *
 * @param voice empty for the model's own.
 */
export async function speak(model: string, voice: string, input: string, signal: AbortSignal): Promise<Blob> {
  const body = { model, input, ...(voice === "" ? {} : { voice }) };
  return (await request("v1/audio/speech", { body, signal })).blob();
}
