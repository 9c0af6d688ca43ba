/** Changes the text of a transcript, segment by segment. */
import { texts } from "../../texts";
import { changeTranscript } from "../work/kept";
import { clock } from "./subtitles";
import { type Transcript, withText } from "./transcript";

export function TranscriptEditor({ transcript }: { readonly transcript: Transcript }) {
  return (
    <div class="transcript-text editing">
      {transcript.segments.map((segment, index) => (
        <div class="segment" key={index}>
          <span class="time">{clock(segment.startS)}</span>
          <textarea
            class="input"
            rows={Math.max(1, Math.ceil(segment.text.length / 45))}
            aria-label={texts.speech.segment(clock(segment.startS))}
            value={segment.text.trim()}
            onChange={(event) => {
              const text = event.currentTarget.value;
              void changeTranscript(transcript.id, (now) => withText(now, index, text));
            }}
          />
        </div>
      ))}
    </div>
  );
}
