import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { server, type ServedModel, type ServerState } from "../../api/server";
import { Voice } from "./voice";

const HEARING = { id: "whisper", kinds: ["speech"], outputs: ["text"] };
const SPEAKING = { id: "piper", kinds: ["voice"], outputs: ["audio"], voices: ["amy", "joe"] };

function serve(...models: readonly object[]): void {
  server.value = { models: models as readonly ServedModel[] } as ServerState;
}

function found<Kind extends Element>(selector: string): Kind {
  const element = document.querySelector<Kind>(selector);
  if (element === null) throw new Error(`no ${selector}`);
  return element;
}

beforeEach(() => {
  document.body.innerHTML = '<div id="root"></div>';
  URL.createObjectURL = () => "blob:spoken";
});
afterEach(() => {
  server.value = null;
  vi.unstubAllGlobals();
});

test("nothing is offered while no model speaks, and it appears with one", async () => {
  serve(HEARING);
  render(<Voice />, found("#root"));
  expect(document.querySelector("section")).toBeNull();
  serve(HEARING, SPEAKING);
  await vi.waitFor(() =>
    expect([...document.querySelectorAll("option")].map((option) => option.value)).toEqual(["", "amy", "joe"]),
  );
});

test("a text is spoken by the chosen voice", async () => {
  const asked = vi.fn(
    async (_url: string, _options: RequestInit) => new Response(new Blob(["sound"], { type: "audio/mpeg" })),
  );
  vi.stubGlobal("fetch", asked);
  serve(SPEAKING);
  render(<Voice />, found("#root"));
  const text = found<HTMLTextAreaElement>("textarea");
  text.value = "Good morning";
  text.dispatchEvent(new Event("input", { bubbles: true }));
  const voice = found<HTMLSelectElement>("select");
  voice.value = "joe";
  voice.dispatchEvent(new Event("change", { bubbles: true }));
  await vi.waitFor(() => expect(found<HTMLButtonElement>("button").disabled).toBe(false));
  found<HTMLButtonElement>("button").click();
  await vi.waitFor(() => expect(found<HTMLAudioElement>("audio").getAttribute("src")).toBe("blob:spoken"));
  const [url, options] = asked.mock.calls[0] ?? [];
  expect(url).toMatch(/v1\/audio\/speech$/);
  expect(JSON.parse(String(options?.body))).toEqual({ model: "piper", input: "Good morning", voice: "joe" });
});
