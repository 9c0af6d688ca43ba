import { expect, test } from "vitest";

import { tellTokens } from "./limits";

test.each([
  [{}, null],
  [{ tokens_per_day: null, tokens_left: null, tokens_reset_s: null }, null],
  [
    { tokens_per_day: 900, tokens_left: 250, tokens_reset_s: 11_940 },
    "Your key may use 250 more of its 900 tokens today. It gets them anew in 3 h 19 min.",
  ],
  [
    { tokens_per_day: 900, tokens_left: 0, tokens_reset_s: 4 },
    "Your key has used its 900 tokens of today. It gets them anew in 1 min.",
  ],
])("%j is told as %j", (limits, expected) => {
  expect(tellTokens(limits)).toBe(expected);
});
