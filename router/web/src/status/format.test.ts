import { describe, expect, it } from "vitest";

import { bytes, duration, percent, rate } from "./format";

describe("durations", () => {
  it.each([
    [null, "–"],
    [0, "0"],
    [0.0042, "4.2 ms"],
    [0.081, "81 ms"],
    [1.36, "1.4 s"],
    [59.96, "1 min"],
    [61, "1 min 1 s"],
    [3600, "1 h"],
    [7325, "2 h 2 min"],
    [90_061, "1 d 1 h"],
  ])("%s is %s", (seconds, words) => expect(duration(seconds)).toBe(words));
});

describe("sizes", () => {
  it.each([
    [null, "–"],
    [0, "0 B"],
    [999, "999 B"],
    [12_345, "12 kB"],
    [999_600, "1.0 MB"],
    [420_184_064, "420 MB"],
    [16_768_765_952, "16.8 GB"],
  ])("%s is %s", (size, words) => expect(bytes(size)).toBe(words));
});

describe("rates and shares", () => {
  it.each([
    [null, "–"],
    [0, "0"],
    [68.04, "68.0"],
    [1234.5, "1,235"],
  ])("a rate of %s is %s", (value, words) => expect(rate(value)).toBe(words));
  it("are rounded", () => expect([percent(0.514), percent(null)]).toEqual(["51 %", "–"]));
});
