/** What was said: a click on a word plays from there, and the word that is heard is marked. */
import { useSignalEffect } from "@preact/signals";
import type { VNode } from "preact";
import { useMemo, useRef } from "preact/hooks";

import { texts } from "../../texts";
import type { Player } from "./player";
import { clock } from "./subtitles";
import type { Segment } from "./transcript";
import { lastAt, piecesOf } from "./words";

const SAID = "said";

export interface TranscriptTextProps {
  readonly segments: readonly Segment[];
  readonly player: Player;
}

export function TranscriptText({ segments, player }: TranscriptTextProps) {
  const root = useRef<HTMLDivElement>(null);
  const times = useMemo(() => segments.flatMap((segment) => timesOf(segment)), [segments]);
  useSignalEffect(() => {
    const index = lastAt(times, player.timeS.value);
    mark(root.current, index);
  });
  const drawn = useRef(new WeakMap<Segment, DrawnSegment>());
  return (
    <div
      class="transcript-text"
      ref={root}
      onClick={(event) => {
        const word = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>("[data-at]") : null;
        if (word !== null && window.getSelection()?.isCollapsed !== false) player.playFrom(Number(word.dataset["at"]));
      }}
    >
      {drawnSegments(segments, drawn.current, player)}
    </div>
  );
}

interface DrawnSegment {
  /** The number of its first word. */
  readonly first: number;
  readonly element: VNode;
}

/** The segments as elements. Those that have not changed stay the same, so that a long transcript is not drawn anew. */
function drawnSegments(
  segments: readonly Segment[],
  drawn: WeakMap<Segment, DrawnSegment>,
  player: Player,
): readonly VNode[] {
  let first = 0;
  return segments.map((segment, index) => {
    const before = drawn.get(segment);
    const element =
      before?.first === first
        ? before.element
        : drawnSegment(segment, index, first, () => player.playFrom(segment.startS));
    drawn.set(segment, { first, element });
    first += timesOf(segment).length;
    return element;
  });
}

function drawnSegment(segment: Segment, key: number, first: number, onPlay: () => void): VNode {
  const time = clock(segment.startS);
  let number = first;
  return (
    <div class="segment" key={key}>
      <button type="button" class="time" aria-label={texts.speech.playFrom(time)} onClick={onPlay}>
        {time}
      </button>
      <p dir="auto">
        {piecesOf(segment).map(({ text, startS }, index) =>
          startS === null ? (
            text
          ) : (
            <span key={index} class="heard" data-at={startS} data-word={number++}>
              {text}
            </span>
          ),
        )}
      </p>
    </div>
  );
}

function timesOf(segment: Segment): readonly number[] {
  return piecesOf(segment).flatMap(({ startS }) => (startS === null ? [] : [startS]));
}

/** Mark a word and nothing else; words are many, so the page is not drawn anew for that. */
function mark(root: HTMLElement | null, index: number): void {
  if (root === null) return;
  const word = root.querySelector(`[data-word="${index}"]`);
  for (const marked of root.querySelectorAll(`.${SAID}`)) if (marked !== word) marked.classList.remove(SAID);
  if (word === null || word.classList.contains(SAID)) return;
  word.classList.add(SAID);
  word.closest(".segment")?.scrollIntoView({ block: "nearest" });
}
