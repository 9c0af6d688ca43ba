import { expect, test } from "vitest";

import { DEFAULTS } from "../settings/settings";
import { requestOf, type WaitingPictures } from "./order";
import { afterEvent, NOT_BEGUN } from "./progress";

const ORDER: WaitingPictures = { id: "a", created: 0, settings: { ...DEFAULTS, prompt: "x" }, input: null, mask: null };

test("without an input, JSON asks for new pictures", () => {
  expect(requestOf(ORDER)).toEqual({
    path: "v1/images/generations",
    body: {
      prompt: "x",
      negative_prompt: "",
      width: 512,
      height: 512,
      n: 1,
      sample_steps: 20,
      cfg_scale: 7,
      seed: -1,
      stream: true,
      previews: 3,
    },
  });
});

test("an input and its mask go in a form, with the size of the input", () => {
  const settings = {
    ...ORDER.settings,
    width: null,
    height: null,
    seed: 5,
    model: "m",
    sampler: "heun",
    strength: 0.5,
  };
  const { path, body } = requestOf({ ...ORDER, settings, input: new Blob(["i"]), mask: new Blob(["mm"]) });
  expect(path).toBe("v1/images/edits");
  if (!(body instanceof FormData)) throw new Error("expected a form");
  expect(Object.fromEntries([...body].filter(([, value]) => typeof value === "string"))).toEqual({
    prompt: "x",
    negative_prompt: "",
    model: "m",
    n: "1",
    sample_steps: "20",
    cfg_scale: "7",
    sampler: "heun",
    seed: "5",
    stream: "true",
    previews: "3",
    strength: "0.5",
  });
  expect((body.get("image") as File).size).toBe(1);
  expect((body.get("mask") as File).size).toBe(2);
});

test("events tell steps, previews and finished pictures", () => {
  let progress = NOT_BEGUN;
  const after = (event: object) => {
    const [next, picture] = afterEvent(progress, JSON.stringify(event));
    progress = next;
    return picture;
  };
  expect(after({ type: "image_generation.progress", step: 3, steps: 8 })).toBeNull();
  after({ type: "image_generation.partial_image", index: 1, b64_json: "AAAA" });
  expect(progress).toEqual({ position: 0, step: 3, steps: 8, previews: { 1: "AAAA" }, finished: 0 });
  const picture = after({ type: "image_edit.completed", index: 1, b64_json: "BBBB", seed: 9, size: "64x128" });
  expect(picture).toEqual({ index: 1, base64: "BBBB", seed: 9, width: 64, height: 128 });
  expect(progress).toMatchObject({ previews: {}, finished: 1 });
});
