import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { ServedModel } from "../api/server";
import { LoadButton, order, orderFor, unknownHere } from "./loads";

const model = (state: string, id = "m", load = "demand") => ({ id, state, load }) as unknown as ServedModel;

function refuse(status: number, code: string | null): void {
  const body = JSON.stringify({ error: { message: "no", code } });
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { status })));
}

beforeEach(() => {
  unknownHere.value = false;
  document.body.innerHTML = '<div id="root"></div>';
});
afterEach(() => vi.unstubAllGlobals());

test.each([
  ["unloaded", "load"],
  ["loading", "unload"],
  ["ready", "unload"],
  ["draining", null],
  ["drained", null],
  ["failed", null],
])("of a model that is %s can be ordered: %s", (state, expected) => {
  expect(orderFor(model(state))).toBe(expected);
});

test.each([404, 405])("a server without these orders (%s) gets no buttons", async (status) => {
  refuse(status, "not_found");
  await expect(order("load", "m")).rejects.toThrow("no");
  expect(orderFor(model("unloaded"))).toBeNull();
});

test("a model that is gone takes away no other model's button", async () => {
  refuse(404, "model_not_found");
  await expect(order("load", "m")).rejects.toThrow("no");
  expect(orderFor(model("unloaded"))).toBe("load");
});

test.each(["ready", "loading", "unloaded"])("nothing can be ordered for a model that is always loaded: %s", (state) => {
  expect(orderFor(model(state, "m", "start"))).toBeNull();
});

test("a model that is always loaded has no button", () => {
  const root = document.querySelector("#root") as HTMLElement;
  act(() => render(<LoadButton model={model("ready", "m", "start")} />, root));
  expect(root.querySelector("button")).toBeNull();
});

test("a click loads the model", async () => {
  const asked = vi.fn((_url: string, _init: RequestInit) => Promise.resolve(new Response("{}", { status: 202 })));
  vi.stubGlobal("fetch", asked);
  const root = document.querySelector("#root") as HTMLElement;
  act(() => render(<LoadButton model={model("unloaded", "a/b c")} />, root));
  const button = root.querySelector("button");
  expect(button?.getAttribute("aria-label")).toBe("Load a/b c");
  button?.click();
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  const [url, init] = asked.mock.calls[0] ?? [];
  expect(url).toMatch(/v1\/models\/a\/b%20c\/load$/);
  expect(init?.method).toBe("POST");
});
