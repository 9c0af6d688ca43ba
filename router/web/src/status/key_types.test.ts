import { describe, expect, it } from "vitest";

import { bodyOf, fieldsOf, type StoredKey } from "./key_types";

const ANNA: StoredKey = {
  id: "2f9c",
  name: "anna",
  max_running: 4,
  max_queued: 0,
  priority: "batch",
  admin: false,
  created: 0,
};

describe("the form of a key", () => {
  it("gives back what the key has", () => {
    const { name, max_running, max_queued, priority, admin } = ANNA;
    expect(bodyOf(fieldsOf(ANNA, false))).toEqual({ name, max_running, max_queued, priority, admin });
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
      admin: false,
    });
  });
});
