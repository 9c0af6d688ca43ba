/** What the user chose last for new transcripts, kept in this browser. */
import { effect, signal } from "@preact/signals";

import { modelsOf, type ServedModel } from "../api/server";
import { LANGUAGES } from "./languages";
import type { SpeechWish } from "./work/runner";

const NAME = "nexa.speech.options";
const OTHERWISE: SpeechWish = { task: "transcribe", model: "", language: "" };

export const options = signal<SpeechWish>(stored());

effect(() => {
  try {
    localStorage.setItem(NAME, JSON.stringify(options.value));
  } catch (error) {
    console.warn("storage is not available", error);
  }
});

/** The models that write down what they hear. */
export function hearingModels(): readonly ServedModel[] {
  return modelsOf("speech").filter(({ outputs }) => outputs.includes("text"));
}

/** The options, with a model that is served, and a task that it can do. */
export function currentWish(): SpeechWish {
  const models = hearingModels();
  const { model, task, language } = options.value;
  const chosen = models.find(({ id }) => id === model) ?? models[0];
  return { model: chosen?.id ?? "", task: chosen?.translates === true ? task : "transcribe", language };
}

function stored(): SpeechWish {
  try {
    const found = JSON.parse(localStorage.getItem(NAME) ?? "{}") as Partial<Record<keyof SpeechWish, unknown>> | null;
    return {
      task: found?.task === "translate" ? "translate" : "transcribe",
      model: typeof found?.model === "string" ? found.model : "",
      language: LANGUAGES.find((code) => code === found?.language) ?? "",
    };
  } catch {
    return OTHERWISE; // storage is forbidden, or holds something else
  }
}
