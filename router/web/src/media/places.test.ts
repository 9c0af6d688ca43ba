import { beforeEach, expect, test } from "vitest";

import { ApiError } from "../api/errors";
import { isGone, Places } from "./places";

beforeEach(() => sessionStorage.clear());

test("a place is found again after a reload, until it is deleted", () => {
  const places = new Places("test");
  places.set("a", { jobId: "j", lastEventId: 7 });
  places.set("b", { jobId: null, lastEventId: 0 });
  places.delete("b");
  expect(new Places("test").ids).toEqual(["a"]);
  expect(new Places("test").get("a")).toEqual({ jobId: "j", lastEventId: 7 });
});

test("what is damaged counts as nothing", () => {
  sessionStorage.setItem("nexa.places.test", "[1]");
  expect(new Places("test").ids).toEqual([]);
});

test("a stream that the server no longer has is gone; one that failed is not", () => {
  expect(isGone(new ApiError(404, "", "job_not_found"))).toBe(true);
  expect(isGone(new ApiError(410, "", "events_dropped"))).toBe(true);
  expect(isGone(new ApiError(404, "", "model_not_found"))).toBe(false);
  expect(isGone(new ApiError(500, "", "worker_died"))).toBe(false);
  expect(isGone(new TypeError())).toBe(false);
});
