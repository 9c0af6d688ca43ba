import { afterEach, expect, test } from "vitest";

import { server, type ServerState } from "../../api/server";
import { stateOf } from "./list";
import { NOT_BEGUN } from "./progress";
import type { Work } from "./runner";

const sent = (progress = NOT_BEGUN) => ({ state: "sent", settings: { model: "sd" }, progress }) as unknown as Work;

function serve(state: string, progress: number | null): void {
  server.value = { models: [{ id: "sd", aliases: [], state, progress }] } as unknown as ServerState;
}

afterEach(() => (server.value = null));

test.each([
  ["unloaded", null, "sd is not loaded yet: it loads for this"],
  ["loading", null, "sd is loading"],
  ["loading", 0.4, "sd is loading: 40 %"],
  ["ready", null, "Number 2 in the queue"],
])("pictures of a model that is %s (%s): %s", (state, progress, expected) => {
  serve(state, progress);
  expect(stateOf(sent({ ...NOT_BEGUN, position: 2 }))).toBe(expected);
});

test("pictures that are painted are told by their steps, whatever else loads", () => {
  serve("loading", 0.4);
  expect(stateOf(sent({ ...NOT_BEGUN, step: 1, steps: 4 }))).toBe("Step 1 of 4");
});
