import { beforeEach, expect, test } from "vitest";

import { Places } from "./places";

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
