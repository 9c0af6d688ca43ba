/** Speech: new transcripts and the kept ones at the left, an open one at the right. */
import { useEffect } from "preact/hooks";

import { server } from "../api/server";
import type { ViewProps } from "../app/views";
import { hearingModels } from "../media/speech";
import { texts } from "../texts";
import { TranscriptList } from "./list";
import { NewTranscript } from "./new";
import "./speech.css";
import { TranscriptView } from "./transcript/view";
import { Voice } from "./voice/voice";
import { transcriptOf } from "./work/kept";
import { continueTranscripts } from "./work/runner";

export function SpeechView({ rest }: ViewProps) {
  useEffect(() => void continueTranscripts(), []);
  const open = transcriptOf(rest[0] ?? "");
  const canHear = server.value === null || hearingModels().length > 0;
  return (
    <div class={open === undefined ? "view speech" : "view speech has-open"}>
      <div class="speech-side">
        {canHear ? <NewTranscript /> : <p class="empty">{texts.speech.none}</p>}
        <Voice />
        <TranscriptList open={open?.id ?? null} />
      </div>
      {open === undefined ? (
        <p class="empty speech-nothing">{texts.speech.choose}</p>
      ) : (
        <TranscriptView key={open.id} transcript={open} />
      )}
    </div>
  );
}
