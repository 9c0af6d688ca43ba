/** The kept transcripts. */
import { modelWait } from "../api/wait";
import { linkTo } from "../app/route";
import { Name } from "../render/plain";
import { texts } from "../texts";
import { clock } from "./transcript/subtitles";
import { textOf, type Transcript } from "./transcript/transcript";
import { isForgetful, transcripts } from "./work/kept";
import { isOurs, isUnfinished } from "./work/runner";

export function TranscriptList({ open }: { readonly open: string | null }) {
  const words = texts.speech;
  const all = transcripts.value;
  if (all === null) return <p class="empty">{texts.app.loading}</p>;
  return (
    <nav class="transcripts" aria-label={words.transcripts}>
      <h2>{words.transcripts}</h2>
      {isForgetful.value && <p class="notice">{words.forgetful}</p>}
      {all.length === 0 && <p class="hint">{words.empty}</p>}
      <ul>
        {all.map((transcript) => (
          <li key={transcript.id}>
            <a href={linkTo("speech", transcript.id)} aria-current={transcript.id === open ? "page" : undefined}>
              <span class="line">
                <Name text={transcript.name} />
              </span>
              <span class="excerpt">{excerptOf(transcript)}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function excerptOf(transcript: Transcript): string {
  if (transcript.state !== "done") return stateOf(transcript);
  const length = transcript.durationS === null ? "" : `${clock(transcript.durationS)} · `;
  return `${length}${textOf(transcript).slice(0, 120)}`;
}

/** The state in words; of one that no tab may be working on, that it is not finished. */
export function stateOf(transcript: Transcript): string {
  const words = texts.speech.states;
  if (isUnfinished(transcript) && !isOurs(transcript.id)) return words.elsewhere;
  const load = transcript.state === "running" && transcript.segments.length === 0 ? tellLoad(transcript.model) : null;
  return load ?? words[transcript.state];
}

/** That a model is not loaded yet, in words; null if it is. */
export function tellLoad(model: string): string | null {
  const words = texts.speech;
  const load = modelWait(model);
  if (load === null) return null;
  if (!load.begun) return words.modelWillLoad(load.model);
  return load.percent === null ? words.modelLoads(load.model) : words.modelLoadsPercent(load.model, load.percent);
}
