/**
 * Transcripts as files. They are made here, so that they have what the user has changed; without changes they are what the
 * server's `response_format` gives (router/api/audio/subtitles.py).
 */
import { type Segment, textOf, type Transcript } from "./transcript";

export type SubtitleFormat = "txt" | "srt" | "vtt";

export const FORMATS: Readonly<Record<SubtitleFormat, { type: string; write: (transcript: Transcript) => string }>> = {
  txt: { type: "text/plain", write: (transcript) => `${textOf(transcript)}\n` },
  srt: { type: "application/x-subrip", write: srt },
  vtt: { type: "text/vtt", write: vtt },
};

function srt({ segments }: Transcript): string {
  return segments
    .filter(hasText)
    .map(
      ({ startS, endS, text }, index) =>
        `${index + 1}\n${timestamp(startS, ",")} --> ${timestamp(endS, ",")}\n${cueText(text)}\n\n`,
    )
    .join("");
}

function vtt({ segments }: Transcript): string {
  const cues = segments
    .filter(hasText)
    .map(
      ({ startS, endS, text }) =>
        `${timestamp(startS, ".")} --> ${timestamp(endS, ".")}\n${escaped(cueText(text))}\n\n`,
    );
  return `WEBVTT\n\n${cues.join("")}`;
}

/** `HH:MM:SS` and milliseconds. */
export function timestamp(timeS: number, separator: string): string {
  const whole = Math.max(0, Math.round(timeS * 1000));
  const parts = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60, Math.floor(whole / 1000) % 60];
  const clock = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return `${clock}${separator}${String(whole % 1000).padStart(3, "0")}`;
}

/** A time for people: `3:07`, or `1:02:07`. */
export function clock(timeS: number): string {
  const seconds = Math.floor(Math.max(0, timeS));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** One line, without the arrow that separates a cue's times. */
function cueText(text: string): string {
  return text.trim().split(/\s+/).join(" ").replaceAll("-->", "->");
}

/** WebVTT reads `&` and `<` as markup. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function hasText({ text }: Segment): boolean {
  return text.trim() !== "";
}
