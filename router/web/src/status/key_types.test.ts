import { describe, expect, it } from "vitest";

import { bodyOf, fieldsOf, type StoredKey } from "./key_types";

const ANNA: StoredKey = {
  id: "2f9c",
  name: "anna",
  max_running: 4,
  max_queued: 0,
  priority: "batch",
  models: ["smollm2", "qwen3:4b"],
  tokens_per_day: 100_000,
  admin: false,
  created: 0,
};

describe("the form of a key", () => {
  it("gives back what the key has", () => {
    const { id: _, created: __, ...limits } = ANNA;
    expect(bodyOf(fieldsOf(ANNA, false))).toEqual(limits);
  });

  it("makes the first key an administrator's, and no other", () => {
    expect(fieldsOf(null, true).admin).toBe(true);
    expect(fieldsOf(null, false).admin).toBe(false);
    expect(fieldsOf(ANNA, true).admin).toBe(false);
  });

  it("takes an empty limit for none", () => {
    expect(bodyOf({ ...fieldsOf(null, false), name: " bob " })).toEqual({
      name: "bob",
      max_running: null,
      max_queued: null,
      priority: "interactive",
      models: null,
      tokens_per_day: null,
      admin: false,
    });
  });

  it.each([
    ["", null],
    ["  ", null],
    ["a", ["a"]],
    [" a,b , a,, ", ["a", "b"]],
    [",", []], // not all of them: the server refuses it
  ])("takes %j for these models: %j", (models, expected) => {
    expect(bodyOf({ ...fieldsOf(null, false), models })["models"]).toEqual(expected);
  });
});
