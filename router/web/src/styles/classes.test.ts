/** A view's styles stay when another view is shown: what is named in one must not be the name of something else in another. */
import { expect, test } from "vitest";

const sheets = import.meta.glob<string>("../**/*.css", { query: "?raw", import: "default", eager: true });

test("what one folder styles by its class alone is no class of another folder", () => {
  const folders = new Map<string, Classes>();
  for (const [path, sheet] of Object.entries(sheets)) {
    const folder = path.startsWith("./") ? "styles" : (path.split("/")[1] ?? "");
    const classes = folders.get(folder) ?? { alone: new Set(), all: new Set() };
    readInto(classes, sheet);
    folders.set(folder, classes);
  }
  const shared = folders.get("styles")?.all ?? new Set();
  folders.delete("styles");
  const clashes = [...folders].flatMap(([folder, { alone }]) =>
    [...folders].flatMap(([other, { all }]) =>
      [...alone]
        .filter((name) => folder !== other && all.has(name) && !shared.has(name))
        .map((name) => `${folder} and ${other}: ${name}`),
    ),
  );
  expect([...folders.values()].reduce((sum, { all }) => sum + all.size, 0)).toBeGreaterThan(100);
  expect(clashes).toEqual([]);
});

interface Classes {
  readonly alone: Set<string>;
  readonly all: Set<string>;
}

/** The classes that selectors begin with; what stands further in applies below these only. */
function readInto({ alone, all }: Classes, sheet: string): void {
  for (const [, selectors = ""] of sheet.replaceAll(/\/\*.*?\*\//gs, "").matchAll(/([^{};]+)\{/g)) {
    for (const selector of selectors.split(/,(?![^(]*\))/)) {
      const [beginning = ""] = selector
        .trim()
        .replaceAll(/,\s+/g, ",")
        .split(/[\s>+~]/);
      const names = [...beginning.matchAll(/\.([a-zA-Z][\w-]*)/g)].map(([, name = ""]) => name);
      for (const name of names) all.add(name);
      if (names.length === 1) alone.add(names[0] ?? "");
    }
  }
}
