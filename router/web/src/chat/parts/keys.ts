/** What keys mean in a box for messages. */

interface Key {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly isComposing: boolean;
  readonly keyCode: number;
}

const COMPOSING_CODE = 229; // what Safari says of an Enter that ends a composition

/** Enter sends. Not with Shift, not while letters are composed (Japanese and others), and not on a phone's keyboard. */
export function isSendKey(event: Key, onPhone: boolean = isPhone()): boolean {
  const isComposing = event.isComposing || event.keyCode === COMPOSING_CODE;
  return event.key === "Enter" && !event.shiftKey && !isComposing && !onPhone;
}

/** Whether fingers are what this device is used with. */
export function isPhone(): boolean {
  return matchMedia("(pointer: coarse) and (hover: none)").matches;
}
