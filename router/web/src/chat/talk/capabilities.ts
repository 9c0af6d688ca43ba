/** What the served models can do for a chat. */
import type { ServedModel, ServerState } from "../../api/server";

/** The model that writes down what is said; null if there is none. */
export function listeningModel(server: ServerState | null): ServedModel | null {
  const able = (model: ServedModel) => model.kinds.includes("speech") && model.outputs.includes("text");
  return server?.models.find(able) ?? null;
}

/** The model that reads aloud; null if there is none. */
export function speakingModel(server: ServerState | null): ServedModel | null {
  return server?.models.find((model) => model.outputs.includes("audio")) ?? null;
}

/** Whether a chat with this model may have pictures. */
export function takesPictures(model: ServedModel | null): boolean {
  return model !== null && model.kinds.includes("text") && model.inputs.includes("image");
}
