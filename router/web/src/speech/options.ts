/** What the user chose last for new transcripts, kept in this browser. */
import { effect, signal } from "@preact/signals";

import { hearingModels } from "../media/speech";
import { remember, rememberedJson } from "../ui/remembered";
import { LANGUAGES } from "./languages";
import type { SpeechWish } from "./work/runner";

const NAME = "nexa.speech.options";

export const options = signal<SpeechWish>(stored());

effect(() => remember(NAME, JSON.stringify(options.value)));

/** The options, with a model that is served, and a task that it can do. */
export function currentWish(): SpeechWish {
  const models = hearingModels();
  const { model, task, language } = options.value;
  const chosen = models.find(({ id }) => id === model) ?? models[0];
  return { model: chosen?.id ?? "", task: chosen?.translates === true ? task : "transcribe", language };
}

function stored(): SpeechWish {
  const found = rememberedJson(NAME) as Partial<Record<keyof SpeechWish, unknown>> | null;
  return {
    task: found?.task === "translate" ? "translate" : "transcribe",
    model: typeof found?.model === "string" ? found.model : "",
    language: LANGUAGES.find((code) => code === found?.language) ?? "",
  };
}
