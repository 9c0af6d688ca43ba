import { afterEach, expect, test, vi } from "vitest";

import { request, requestJson } from "./client";
import { ApiError, OfflineError } from "./errors";
import { apiKey } from "./key";
import { resumeStream } from "./stream";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  apiKey.value = null;
});

function answers(...given: readonly Response[]): ReturnType<typeof vi.fn> {
  const left = [...given];
  const fetched = vi.fn(() => Promise.resolve(left.shift() ?? new Response("{}")));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

test("the page of a proxy is no answer, and no surprise", async () => {
  answers(new Response("<h1>Log in</h1>"));
  await expect(requestJson("v1/server")).rejects.toThrow(
    new ApiError(200, "v1/server: expected JSON, got something else"),
  );
});

test("a proxy without its server is a connection that is lost", async () => {
  answers(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await expect(request("v1/jobs/1/events")).rejects.toThrow(OfflineError);
  answers(new Response("", { status: 504 }));
  await expect(request("v1/images", { body: {} })).rejects.toThrow(ApiError);
});

test("what the server refuses with 503 is its own word", async () => {
  answers(Response.json({ error: { message: "no worker is ready" } }, { status: 503 }));
  await expect(request("v1/models")).rejects.toThrow(new ApiError(503, "no worker is ready"));
});

test("a key that no header can hold is refused by the server, not by an exception", async () => {
  apiKey.value = "ключ";
  answers(Response.json({ error: { message: "wrong key" } }, { status: 401 }));
  await expect(request("v1/models", { quiet: true })).rejects.toThrow(new ApiError(401, "wrong key"));
});

test("a stream that is cut before its first event is not asked for all the time", async () => {
  vi.useFakeTimers();
  const fetched = answers(new Response(""), new Response(""), new Response(null, { status: 204 }));
  const events = resumeStream({ jobId: "1", lastEventId: 0 }).next();
  await vi.advanceTimersByTimeAsync(1000);
  expect(fetched).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(3000);
  expect(fetched).toHaveBeenCalledTimes(3);
  expect((await events).done).toBe(true);
});
