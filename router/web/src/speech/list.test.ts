import { afterEach, expect, test } from "vitest";

import { server, type ServerState } from "../api/server";
import { tellLoad } from "./list";

afterEach(() => (server.value = null));

test.each([
  ["unloaded", null, "whisper is not loaded yet: it loads for this …"],
  ["loading", null, "whisper is loading …"],
  ["loading", 0.4, "whisper is loading: 40 %"],
  ["ready", null, null],
])("a recording for a model that is %s (%s) waits: %s", (state, progress, expected) => {
  server.value = { models: [{ id: "whisper", aliases: [], state, progress }] } as unknown as ServerState;
  expect(tellLoad("whisper")).toBe(expected);
});
