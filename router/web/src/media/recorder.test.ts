import { expect, test } from "vitest";

import { levelOf, recordingFailure, recordingObstacle } from "./recorder";

test("a level is the loudness on a scale of 60 decibels", () => {
  expect(levelOf(new Float32Array(8))).toBe(0);
  expect(levelOf(new Float32Array(8).fill(1))).toBe(1);
  expect(levelOf(new Float32Array(8).fill(0.0316))).toBeCloseTo(0.5, 2); // -30 dB
});

test("a refusal and a missing microphone are told apart", () => {
  expect(recordingFailure(new DOMException("", "NotAllowedError"))).toBe("refused");
  expect(recordingFailure(new DOMException("", "NotFoundError"))).toBe("missing");
  expect(recordingFailure(new Error("?"))).toBe("failed");
});

test("a page without a secure origin cannot record", () => {
  Object.defineProperty(window, "isSecureContext", { value: false, configurable: true });
  expect(recordingObstacle()).toBe("insecure");
  Object.defineProperty(window, "isSecureContext", { value: true, configurable: true });
  expect(recordingObstacle()).toBe("unsupported"); // this browser has no MediaRecorder
});
