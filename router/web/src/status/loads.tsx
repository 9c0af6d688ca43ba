/** Buttons that load and unload a model, for who may give orders; none where the server has no such orders. */
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";

import { request } from "../api/client";
import { ApiError } from "../api/errors";
import { refreshServer, type ServedModel } from "../api/server";
import { pathOf } from "../api/url";
import { texts } from "../texts";
import { toast } from "../ui/toast";
import { Confirm } from "./confirm";
import { attempt } from "./polling";

/** What servers answer to orders that they do not know. */
const NOT_THERE: readonly number[] = [404, 405];

type Verb = "load" | "unload";

/** Whether the server has no such orders. */
export const unknownHere = signal(false);

/** What can be ordered for a model now: one that is always loaded can neither be loaded nor unloaded. */
export function orderFor({ load, state }: ServedModel): Verb | null {
  if (unknownHere.value || load !== "demand") return null;
  if (state === "unloaded") return "load";
  return state === "ready" || state === "loading" ? "unload" : null;
}

export function LoadButton({ model }: { readonly model: ServedModel }) {
  const words = texts.status.models;
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const verb = orderFor(model);
  const load = async () => {
    setBusy(true);
    await attempt(() => order("load", model.id), toast);
    setBusy(false);
  };
  return (
    <>
      {verb !== null && (
        <button
          type="button"
          class="button small"
          aria-label={words.orderOf[verb](model.id)}
          disabled={busy}
          onClick={() => (verb === "load" ? void load() : setAsks(true))}
        >
          {words.order[verb]}
        </button>
      )}
      {asks && (
        <Confirm
          title={words.askUnload(model.id)}
          action={words.order.unload}
          onClose={() => setAsks(false)}
          onConfirm={() => order("unload", model.id)}
        >
          {words.unloadMeans}
        </Confirm>
      )}
    </>
  );
}

/** Give an order, and learn from what the server refuses. */
export async function order(verb: Verb, model: string): Promise<void> {
  try {
    await request(`v1/models/${pathOf(model)}/${verb}`, { method: "POST" });
  } catch (error) {
    if (error instanceof ApiError && NOT_THERE.includes(error.status) && error.code !== "model_not_found") {
      unknownHere.value = true;
    }
    throw error;
  }
  toast(texts.status.models.ordered[verb](model));
  await refreshServer();
}
