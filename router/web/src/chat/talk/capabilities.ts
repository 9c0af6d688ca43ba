/** What the served models can do for a chat. */
import type { ServedModel } from "../../api/server";

/** Whether a chat with this model may have pictures. */
export function takesPictures(model: ServedModel | null): boolean {
  return model !== null && model.kinds.includes("text") && model.inputs.includes("image");
}
