/** What keeps a request waiting besides other requests: a model that is not loaded. */
import { server, type ServedModel } from "./server";

/** The load of a model: not begun, or begun, with its percentage where the engine knows it. */
export interface ModelWait {
  readonly model: string;
  readonly begun: boolean;
  readonly percent: number | null;
}

/** The served model that a request means by a name or an alias. */
export function servedAs(name: string): ServedModel | undefined {
  const models = server.value?.models ?? [];
  return models.find(({ id }) => id === name) ?? models.find(({ aliases }) => aliases?.includes(name));
}

/**
 * What a request to a model waits for; null where the model is loaded, or nothing is known of it.
 * Streams tell it in comments, but a page has none while it waits for a connection: the server's state does.
 */
export function modelWait(name: string): ModelWait | null {
  const found = servedAs(name);
  if (found === undefined || (found.state !== "unloaded" && found.state !== "loading")) return null;
  const percent = found.progress === null ? null : Math.floor(found.progress * 100);
  return { model: found.id, begun: found.state === "loading", percent };
}
