/** What the served models can do for a chat. */
import type { ServedModel } from "../../api/server";
import type { MediumKind } from "../store/types";

const MEDIA: readonly MediumKind[] = ["image", "audio"];

/** What a chat with this model may have beside text. */
export function mediaTaken(model: ServedModel | null): readonly MediumKind[] {
  if (model === null || !model.kinds.includes("text")) return [];
  return MEDIA.filter((kind) => model.inputs.includes(kind));
}
