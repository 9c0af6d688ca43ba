export type Priority = "interactive" | "batch";

/** A key without its secret, as `GET /v1/keys` has it. */
export interface StoredKey {
  readonly id: string;
  readonly name: string;
  readonly max_running: number | null;
  readonly max_queued: number | null;
  readonly priority: Priority;
  /** The names of the only models that it may use; null for all. */
  readonly models: readonly string[] | null;
  readonly tokens_per_day: number | null;
  readonly admin: boolean;
  readonly created: number;
}

/** What the form of a key holds: texts, as they are typed. */
export interface KeyFields {
  readonly name: string;
  readonly running: string;
  readonly queued: string;
  readonly priority: Priority;
  /** Names with commas between; empty for all. */
  readonly models: string;
  readonly tokens: string;
  readonly admin: boolean;
}

export function fieldsOf(key: StoredKey | null, isFirst: boolean): KeyFields {
  return {
    name: key?.name ?? "",
    running: key?.max_running?.toString() ?? "",
    queued: key?.max_queued?.toString() ?? "",
    priority: key?.priority ?? "interactive",
    models: key?.models?.join(", ") ?? "",
    tokens: key?.tokens_per_day?.toString() ?? "",
    admin: key?.admin ?? isFirst,
  };
}

/** The body of a request; an empty limit is none. It has all limits: the server lifts those that are left out. */
export function bodyOf(fields: KeyFields): Record<string, unknown> {
  return {
    name: fields.name.trim(),
    max_running: limitOf(fields.running),
    max_queued: limitOf(fields.queued),
    priority: fields.priority,
    models: namesOf(fields.models),
    tokens_per_day: limitOf(fields.tokens),
    admin: fields.admin,
  };
}

function limitOf(typed: string): number | null {
  return typed === "" ? null : Number(typed);
}

/** Commas without a name are no names, which the server refuses: they must not mean all models. */
function namesOf(typed: string): readonly string[] | null {
  if (typed.trim() === "") return null;
  const names = typed.split(",").map((name) => name.trim());
  return [...new Set(names)].filter((name) => name !== "");
}
