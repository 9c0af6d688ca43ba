/** A transcript, as this browser keeps it, and how it grows with the events of its stream (docs/api.md, "Speech"). */
export type SpeechTask = "transcribe" | "translate";

export type TranscriptState = "waiting" | "running" | "interrupted" | "done" | "failed" | "stopped";

export interface Word {
  readonly text: string;
  readonly startS: number;
  readonly endS: number;
}

export interface Segment {
  /** As the server wrote it: with the space before it. */
  readonly text: string;
  readonly startS: number;
  readonly endS: number;
  /** Empty where the times of words are not known. */
  readonly words: readonly Word[];
}

export interface Transcript {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** The name of the recording's file. */
  readonly name: string;
  readonly task: SpeechTask;
  readonly model: string;
  /** The language that was asked for; empty to have it detected. */
  readonly language: string;
  readonly state: TranscriptState;
  readonly segments: readonly Segment[];
  /** The language that was heard, as a code. */
  readonly heard: string | null;
  readonly durationS: number | null;
  /** The server's words. */
  readonly error: string | null;
}

/** The transcript after an event. Events of other types change nothing. */
export function afterEvent(transcript: Transcript, data: string): Transcript {
  const event = JSON.parse(data) as Readonly<Record<string, unknown>>;
  if (event["type"] === "transcript.text.delta") {
    const words = Array.isArray(event["words"]) ? event["words"].map(wordOf) : [];
    const segment = { text: text(event["delta"]), startS: number(event["start"]), endS: number(event["end"]), words };
    const segments = [...transcript.segments];
    segments[number(event["id"])] = segment; // the same place if it is read again
    return { ...transcript, segments };
  }
  if (event["type"] !== "transcript.text.done") return transcript;
  return { ...transcript, heard: text(event["language"]), durationS: number(event["duration"]) };
}

/** The whole text. */
export function textOf({ segments }: Transcript): string {
  return segments
    .map((segment) => segment.text)
    .join("")
    .trim();
}

/** The transcript with another text for a segment, whose words then have no times any more. */
export function withText(transcript: Transcript, index: number, changed: string): Transcript {
  const segments = transcript.segments.map((segment, place) => {
    if (place !== index || segment.text.trim() === changed.trim()) return segment;
    const space = /^\s*/.exec(segment.text)?.[0] ?? "";
    return { ...segment, text: space + changed.trim(), words: [] };
  });
  return { ...transcript, segments };
}

function wordOf(value: unknown): Word {
  const word = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  return { text: text(word["word"]), startS: number(word["start"]), endS: number(word["end"]) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
