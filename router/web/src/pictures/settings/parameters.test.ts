import { expect, test } from "vitest";

import { readParameters, writeParameters } from "./parameters";
import { DEFAULTS } from "./settings";

test("what the server writes is read", () => {
  const text =
    "A cat,\nSteps: high ones\nNegative prompt: dogs\nand mice\n" +
    'Steps: 12, Sampler: euler_a, Schedule type: karras, CFG scale: 6.5, Seed: 42, Size: 512x768, Model: "a,b", ' +
    "Denoising strength: 0.4, Version: nexa 0.1.0";
  expect(readParameters(text, DEFAULTS)).toEqual({
    ...DEFAULTS,
    prompt: "A cat,\nSteps: high ones",
    negativePrompt: "dogs\nand mice",
    steps: 12,
    sampler: "euler_a",
    scheduler: "karras",
    cfgScale: 6.5,
    seed: 42,
    width: 512,
    height: 768,
    model: "a,b",
    strength: 0.4,
  });
});

test("what AUTOMATIC1111's program writes is read", () => {
  const text =
    "a girl <lora:x:0.8>\nNegative prompt: blurry\n" +
    "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234567890, Size: 512x512, Model hash: 6ce0161689, Clip skip: 2";
  const found = readParameters(text, DEFAULTS);
  expect(found).toMatchObject({ sampler: "dpm++2m", scheduler: "karras", seed: 1234567890, model: "" });
  expect(
    readParameters(text.replace("DPM++ 2M Karras", "Euler a, Schedule type: SGM Uniform"), DEFAULTS),
  ).toMatchObject({
    sampler: "euler_a",
    scheduler: "sgm_uniform",
  });
});

test("values that the API would refuse are replaced", () => {
  const text = "x\nSteps: 9999, CFG scale: 31, Seed: 9223372036854775807, Size: 5x99999, Sampler: rm -rf";
  expect(readParameters(text, DEFAULTS)).toMatchObject({
    steps: 150,
    cfgScale: 30,
    seed: null,
    width: 5, // the form rounds it to what the server allows
    height: 65536,
    sampler: "",
  });
});

test("a text without parameters has none", () => {
  expect(readParameters("Just words: no values", DEFAULTS)).toBeNull();
  expect(readParameters("", DEFAULTS)).toBeNull();
  expect(readParameters("Steps: 1, ".repeat(20_000), DEFAULTS)).toBeNull(); // too long for a line of values
});

test("what is written is read again", () => {
  const settings = {
    ...DEFAULTS,
    prompt: "A\nB",
    negativePrompt: "C: d",
    seed: 7,
    model: 'say "x", y',
    strength: 0.5,
    scheduler: "ays",
  };
  expect(readParameters(writeParameters(settings), DEFAULTS)).toEqual(settings);
});
