import { beforeEach, expect, test } from "vitest";

import { DEFAULTS, MAX_SEED, seedOf, storedSettings, storeSettings } from "./settings";
import { maxSide, nearestSide, presets, scaledDown } from "./sizes";

beforeEach(() => localStorage.clear());

test("settings are kept in the browser", () => {
  const settings = { ...DEFAULTS, prompt: "x", width: null, height: null, seed: 3 };
  storeSettings(settings);
  expect(storedSettings()).toEqual(settings);
});

test.each(["[", "7", '{"steps": "many", "prompt": 5, "sampler": ["euler"], "width": -3, "count": 1e9}'])(
  "kept settings of %s become such that the form can have",
  (kept) => {
    localStorage.setItem("nexa.pictures.settings", kept);
    expect(storedSettings()).toMatchObject({ steps: 20, prompt: "", sampler: "" });
  },
);

test("seeds are whole numbers that are exact", () => {
  expect(seedOf("12")).toBe(12);
  expect(seedOf(String(MAX_SEED))).toBe(MAX_SEED);
  for (const wrong of ["", "-1", "1.5", "9223372036854775807", 1.5, -1, NaN, null]) expect(seedOf(wrong)).toBeNull();
});

test("sizes are multiples of 64 within the server's limit", () => {
  expect(maxSide(null)).toBe(1024);
  expect(maxSide(1000)).toBe(960);
  expect(presets(512).map(({ width, height }) => `${width}x${height}`)).toEqual(["256x256", "512x512"]);
  expect(presets(128)).toEqual([{ shape: "square", width: 128, height: 128 }]);
  expect([nearestSide(5, 1024), nearestSide(100, 1024), nearestSide(3000, 1024)]).toEqual([64, 128, 1024]);
  expect(scaledDown({ width: 4000, height: 3000 }, 2048)).toEqual({ width: 2048, height: 1536 });
  expect(scaledDown({ width: 40, height: 30 }, 2048)).toEqual({ width: 40, height: 30 });
});
