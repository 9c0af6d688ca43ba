import { expect, test } from "vitest";

import { takeTurn } from "./turns";

/** Browsers have no locks for pages over plain HTTP, nor has Node 20. */
test("five streams come at a time, and the others in their order", async () => {
  const order: number[] = [];
  const first = await Promise.all([1, 2, 3, 4, 5].map(() => takeTurn()));
  const given = new AbortController();
  const gaveUp = takeTurn(given.signal);
  const later = [6, 7].map((number) => takeTurn().then((end) => (order.push(number), end)));
  given.abort();
  await expect(gaveUp).rejects.toThrow("aborted");
  expect(order).toEqual([]);
  first[0]?.();
  first[0]?.(); // a turn ends once
  await later[0];
  await Promise.resolve();
  expect(order).toEqual([6]);
  first[1]?.();
  for (const end of [...first.slice(2), ...(await Promise.all(later))]) end();
  expect(order).toEqual([6, 7]);
  (await takeTurn())();
  await expect(takeTurn(AbortSignal.abort())).rejects.toThrow("aborted");
});
