/** The settings in the form, kept in this browser. */
import { effect, signal } from "@preact/signals";

import { modelsOf } from "../../api/server";
import { texts } from "../../texts";
import { toast } from "../../ui/toast";
import { KEYWORD, readParameters } from "../settings/parameters";
import { pngText } from "../settings/png";
import { type PictureSettings, storedSettings, storeSettings } from "../settings/settings";
import { inputPicture } from "./input";

export const settings = signal<PictureSettings>(storedSettings());

effect(() => storeSettings(settings.value));

export function change(changes: Partial<PictureSettings>): void {
  settings.value = { ...settings.value, ...changes };
}

/** Use all of `wanted`; a model that is not served here stays as it is. */
export function applySettings(wanted: PictureSettings): void {
  const served = modelsOf("image").some(({ id, aliases }) => id === wanted.model || aliases.includes(wanted.model));
  settings.value = { ...wanted, model: served ? wanted.model : settings.value.model };
}

/** The settings that a picture's file has; null if it has none. */
export async function settingsIn(file: Blob): Promise<PictureSettings | null> {
  const text = await pngText(file, KEYWORD);
  return text === null ? null : readParameters(text, settings.value);
}

/** Take the settings of a picture's file into the form. */
export async function takeSettings(file: Blob): Promise<void> {
  const found = await settingsIn(file);
  if (found !== null) applySettings(found);
  toast(found === null ? texts.pictures.parameters.missing : texts.pictures.parameters.taken);
}

/** Without an input picture, a size "as the input" means nothing. */
export function removeInput(): void {
  inputPicture.value = null;
  if (settings.value.width === null) change({ width: 512, height: 512 });
}
