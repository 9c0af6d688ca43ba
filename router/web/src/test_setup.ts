/** What all tests need of their document, which is not a browser's. */
import { afterAll } from "vitest";

const EFFECTS_MS = 150;

// Effects that Preact has put off run before the document goes: their timers would find none.
afterAll(() => new Promise<void>((resolve) => setTimeout(resolve, EFFECTS_MS)));

// Browsers have a style on the elements of formulas, too.
const ELEMENT = Element.prototype as Element & { style?: unknown };

if (ELEMENT.style === undefined) {
  const styles = new WeakMap<Element, Record<string, string>>();
  Object.defineProperty(ELEMENT, "style", {
    configurable: true,
    get(this: Element) {
      const style = styles.get(this) ?? {};
      styles.set(this, style);
      return style;
    },
  });
}
