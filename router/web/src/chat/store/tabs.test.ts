import { afterEach, expect, test } from "vitest";

import { Tabs } from "./tabs";

const opened: Tabs[] = [];

function tab(receives: readonly string[], onChanged: (chat: string) => void = () => undefined): Tabs {
  const tabs = new Tabs("test", (answer) => receives.includes(answer), onChanged);
  opened.push(tabs);
  return tabs;
}

afterEach(() => {
  for (const tabs of opened.splice(0)) tabs.close();
});

test("a tab is told which answers others receive", async () => {
  const one = tab(["mine"]);
  tab(["theirs"]);
  expect(await one.othersReceive("theirs", 1000)).toBe(true);
  expect(await one.othersReceive("mine", 20)).toBe(false);
});

test("other tabs are told what has changed", async () => {
  const one = tab([]);
  const told = new Promise<string>((resolve) => tab([], resolve));
  one.tellChanged("c");
  expect(await told).toBe("c");
});
