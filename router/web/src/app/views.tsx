/** The views, each fetched when it is first shown. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { pause, whenOnline } from "../api/connection";
import { texts } from "../texts";
import type { Route, ViewName } from "./route";

export interface ViewProps {
  readonly rest: readonly string[];
}

type View = ComponentType<ViewProps>;

const LOADERS: Readonly<Record<ViewName, () => Promise<View>>> = {
  chat: async () => (await import("../chat/view")).ChatView,
  pictures: async () => (await import("../pictures/view")).PicturesView,
  speech: async () => (await import("../speech/view")).SpeechView,
  status: async () => (await import("../status/view")).StatusView,
  help: async () => (await import("../help/view")).HelpView,
};

const RETRY_MS = 1500;

const loaded = new Map<ViewName, View>();

export function CurrentView({ route }: { readonly route: Route }) {
  const [, rerender] = useState(0);
  const View = loaded.get(route.view);
  useEffect(() => {
    if (!loaded.has(route.view)) void load(route.view).then(() => rerender((count) => count + 1));
  }, [route.view]);
  if (View === undefined) return <p class="empty">{texts.app.loading}</p>;
  return <View rest={route.rest} />;
}

async function load(name: ViewName): Promise<void> {
  for (;;) {
    try {
      loaded.set(name, await LOADERS[name]());
      return;
    } catch (error) {
      console.warn(`view ${name} was not loaded`, error);
      await pause(RETRY_MS);
      await whenOnline();
    }
  }
}
