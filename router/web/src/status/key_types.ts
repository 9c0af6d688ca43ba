export type Priority = "interactive" | "batch";

/** A key without its secret, as `GET /v1/keys` has it. */
export interface StoredKey {
  readonly id: string;
  readonly name: string;
  readonly max_running: number | null;
  readonly max_queued: number | null;
  readonly priority: Priority;
  readonly admin: boolean;
  readonly created: number;
}

/** What the form of a key holds: texts, as they are typed. */
export interface KeyFields {
  readonly name: string;
  readonly running: string;
  readonly queued: string;
  readonly priority: Priority;
  readonly admin: boolean;
}

export function fieldsOf(key: StoredKey | null, isFirst: boolean): KeyFields {
  return {
    name: key?.name ?? "",
    running: key?.max_running?.toString() ?? "",
    queued: key?.max_queued?.toString() ?? "",
    priority: key?.priority ?? "interactive",
    admin: key?.admin ?? isFirst,
  };
}

/** The body of a request; an empty limit is none. */
export function bodyOf(fields: KeyFields): Record<string, unknown> {
  return {
    name: fields.name.trim(),
    max_running: fields.running === "" ? null : Number(fields.running),
    max_queued: fields.queued === "" ? null : Number(fields.queued),
    priority: fields.priority,
    admin: fields.admin,
  };
}
