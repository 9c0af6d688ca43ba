import { afterEach, expect, test } from "vitest";

import { server, type ServerState } from "./server";
import { modelWait } from "./wait";

function serve(state: string, progress: number | null = null): void {
  server.value = { models: [{ id: "m", aliases: ["short"], state, progress }] } as unknown as ServerState;
}

afterEach(() => (server.value = null));

test.each([
  ["unloaded", null, { model: "m", begun: false, percent: null }],
  ["loading", null, { model: "m", begun: true, percent: null }],
  ["loading", 0.408, { model: "m", begun: true, percent: 40 }],
  ["ready", null, null],
  ["failed", null, null],
  ["drained", null, null],
])("a request to a model that is %s (%s) waits for %j", (state, progress, expected) => {
  serve(state, progress);
  expect(modelWait("m")).toEqual(expected);
  expect(modelWait("short")).toEqual(expected);
});

test("nothing is known of other models, nor before the server has answered", () => {
  expect(modelWait("m")).toBeNull();
  serve("unloaded");
  expect(modelWait("other")).toBeNull();
});
