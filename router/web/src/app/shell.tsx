/** The frame around the views: their tabs, the key, light or dark, and whether the server can be reached. */
import { useEffect } from "preact/hooks";

import { online } from "../api/connection";
import { apiKey, askForKey, forgetKey, keyDeclined } from "../api/key";
import { server, serverError } from "../api/server";
import { texts } from "../texts";
import { Icon, type IconName } from "../ui/icon";
import { Toasts } from "../ui/toast";
import { KeyDialog } from "./key_dialog";
import { linkTo, route, TABS, type ViewName } from "./route";
import { nextTheme, theme } from "./theme";
import { CurrentView } from "./views";

const ICONS: Readonly<Record<(typeof TABS)[number], IconName>> = {
  chat: "chat",
  pictures: "picture",
  speech: "microphone",
  status: "gauge",
};
const KINDS: Readonly<Partial<Record<ViewName, readonly string[]>>> = {
  pictures: ["image"],
  speech: ["speech"],
};

export function Shell() {
  const { view } = route.value;
  useEffect(() => {
    document.title = view === "chat" ? texts.app.name : `${texts.app.views[view]} · ${texts.app.name}`;
  }, [view]);
  return (
    <div class="shell">
      <a class="button skip" href="#main" onClick={focusMain}>
        {texts.app.skip}
      </a>
      <TopBar view={view} />
      {!online.value && (
        <div class="banner" role="status">
          {texts.app.offline}
        </div>
      )}
      {serverError.value !== null && (
        <div class="banner" role="alert">
          {serverError.value}{" "}
          {keyDeclined.value && (
            <button type="button" class="button small" onClick={() => void askForKey(apiKey.value)}>
              {texts.key.enter}
            </button>
          )}
        </div>
      )}
      <main class="main" id="main" tabIndex={-1}>
        <CurrentView route={route.value} />
      </main>
      <KeyDialog />
      <Toasts />
    </div>
  );
}

function TopBar({ view }: { readonly view: ViewName }) {
  return (
    <header class="topbar">
      <a class="brand" href={linkTo("chat")}>
        <img src="web/icon.svg" alt="" />
        <span>{texts.app.name}</span>
      </a>
      <nav class="tabs" aria-label={texts.app.navigation}>
        {TABS.filter(isOffered).map((name) => (
          <a key={name} class="tab" href={linkTo(name)} aria-current={name === view ? "page" : undefined}>
            <Icon name={ICONS[name]} />
            <span>{texts.app.views[name]}</span>
          </a>
        ))}
      </nav>
      <div class="end">
        {!window.isSecureContext && (
          <a class="button quiet icon" title={texts.help.link} aria-label={texts.help.link} href={linkTo("help")}>
            <Icon name="info" />
          </a>
        )}
        {apiKey.value !== null && (
          <button class="button quiet icon" title={texts.key.forget} aria-label={texts.key.forget} onClick={forgetKey}>
            <Icon name="key" />
          </button>
        )}
        <button class="button quiet icon" title={themeName()} aria-label={themeName()} onClick={nextTheme}>
          <Icon name={theme.value === "dark" ? "moon" : theme.value === "light" ? "sun" : "contrast"} />
        </button>
      </div>
    </header>
  );
}

/** Views for which the server has no model are hidden; which these are is not known before its first answer. */
function isOffered(name: ViewName): boolean {
  const kinds = KINDS[name];
  if (kinds === undefined || name === route.value.view) return true;
  return server.value?.models.some((model) => model.kinds.some((kind) => kinds.includes(kind))) ?? false;
}

function themeName(): string {
  return texts.app.themes[theme.value];
}

function focusMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
