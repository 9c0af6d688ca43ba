/** The model and the settings of a chat; those of a new chat are chosen before there is one. */
import { useState } from "preact/hooks";

import { modelsOf, type ServedModel } from "../../api/server";
import { changeChat, defaults, keepDefaults } from "../store/store";
import type { Chat, Settings } from "../store/types";
import { answering } from "../talk/ask";
import { remember, remembered } from "../../ui/remembered";

/** The model that was chosen last in this browser. */
const MODEL = "nexa.model";

export interface Chosen {
  /** The id that was chosen; null for the server's first model. */
  readonly chosen: string | null;
  /** The model that answers; null without any. */
  readonly model: ServedModel | null;
  readonly settings: Settings;
  choose(id: string): void;
  set(settings: Settings, forNew: boolean): void;
  /** The settings of the new chat are now a chat's. */
  taken(): void;
}

export function useChosen(chat: Chat | null): Chosen {
  const [chosenNew, setChosenNew] = useState(remembered(MODEL));
  const [settingsNew, setSettingsNew] = useState<Settings | null>(null);
  const chosen = chat === null ? chosenNew : chat.model;
  const id = answering(chosen);
  return {
    chosen,
    model: modelsOf("text").find((one) => one.id === id) ?? null,
    settings: chat?.settings ?? settingsNew ?? defaults.value,
    choose(model) {
      remember(MODEL, model);
      setChosenNew(model);
      if (chat !== null) void changeChat(chat.id, (before) => ({ ...before, model }));
    },
    set(settings, forNew) {
      if (forNew) void keepDefaults(settings);
      if (chat === null) setSettingsNew(settings);
      else void changeChat(chat.id, (before) => ({ ...before, settings }));
    },
    taken() {
      setSettingsNew(null);
    },
  };
}
