import { enChat } from "./en_chat";
import { enHelp } from "./en_help";

/** All words of the page, in English. A translation is a copy of this file and of those that it imports. */
export const en = {
  /** The language's name for browsers and screen readers. */
  language: "en",
  app: {
    name: "nexa",
    views: { chat: "Chat", pictures: "Pictures", speech: "Speech", status: "Status", help: "Help" },
    navigation: "Views",
    skip: "Skip to the content",
    loading: "Loading …",
    offline: "The server cannot be reached. Trying again …",
    cancel: "Cancel",
    close: "Close",
    themes: { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" },
  },
  key: {
    title: "API key",
    reason: "This server wants a key. Whoever runs it can give you one.",
    label: "Key",
    wrong: "The server does not know this key.",
    keep: "Keep it in this browser",
    use: "Use this key",
    forget: "Forget the API key",
  },
  render: {
    code: "Code",
    table: "Table",
    formula: "Formula",
    picture: "Picture:",
    done: "done",
    toDo: "to do",
    copyCode: "Copy the code",
    copyTable: "Copy the table",
    copyFormula: "Copy the formula",
    copied: "Copied.",
    notCopied: "This browser does not let the page copy.",
  },
  help: enHelp,
  chat: enChat,
  pictures: {},
  speech: {},
  status: {},
};
