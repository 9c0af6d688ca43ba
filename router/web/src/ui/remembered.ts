/** Small words that this browser keeps, or does not where storage is forbidden. */

export function remembered(name: string, storage: () => Storage = local): string | null {
  try {
    return storage().getItem(name);
  } catch {
    return null; // storage is forbidden
  }
}

/** What was kept as JSON; null if there is none, or something else. */
export function rememberedJson(name: string, storage: () => Storage = local): unknown {
  try {
    return JSON.parse(remembered(name, storage) ?? "null");
  } catch {
    return null; // not written by this page
  }
}

export function remember(name: string, value: string, storage: () => Storage = local): void {
  try {
    storage().setItem(name, value);
  } catch (error) {
    console.warn(`${name} could not be kept`, error);
  }
}

export function forget(name: string, storage: () => Storage = local): void {
  try {
    storage().removeItem(name);
  } catch (error) {
    console.warn(`${name} could not be forgotten`, error);
  }
}

function local(): Storage {
  return localStorage;
}

/** Storage of this tab, which outlives a reload. */
export function ofTab(): Storage {
  return sessionStorage;
}
