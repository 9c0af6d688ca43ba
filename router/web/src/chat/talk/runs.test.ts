import "fake-indexeddb/auto";

import { afterEach, expect, test, vi } from "vitest";

import { refreshServer, server, serverError } from "../../api/server";
import { lastEnded, startRun } from "./runs";
import { sampleAnswer } from "../store/samples";

afterEach(() => vi.unstubAllGlobals());

function answer(body: string): void {
  const headers = { "X-Job-Id": "1", "Content-Type": "text/event-stream" };
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { headers })));
}

test("an answer that cannot be read has failed, and is not asked for again", async () => {
  const told = vi.spyOn(console, "error").mockReturnValue();
  answer("id: 1\ndata: null\n\n");
  await startRun(sampleAnswer("a", "q", { state: "streaming" }), {}, () => Promise.resolve());
  await vi.waitFor(() => expect(lastEnded.value?.state).toBe("failed"));
  expect(told).toHaveBeenCalled();
});

test.each(["null", "{}", "[]", '{"models": 5}'])("%s is no state of a server", async (body) => {
  answer(body);
  await refreshServer();
  expect(server.value).toBeNull();
  expect(serverError.value).toBe("v1/server: expected the server's state, got something else");
});
