/** One transcript, with its recording. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import { linkTo, navigate } from "../../app/route";
import { urlOfBlob } from "../../media/blob_url";
import { fileName, saveFile } from "../../media/save";
import { Name } from "../../render/plain";
import { texts } from "../../texts";
import { copyText } from "../../ui/copy";
import { Dialog } from "../../ui/dialog";
import { Icon } from "../../ui/icon";
import { languageName } from "../languages";
import { stateOf } from "../list";
import { recordingOf } from "../work/kept";
import { again, isOurs, isUnfinished, remove, stop } from "../work/runner";
import { TranscriptEditor } from "./editor";
import { Player } from "./player";
import { clock, FORMATS, type SubtitleFormat } from "./subtitles";
import { TranscriptText } from "./text";
import { textOf, type Transcript } from "./transcript";

export function TranscriptView({ transcript }: { readonly transcript: Transcript }) {
  const words = texts.speech;
  const player = useMemo(() => new Player(), [transcript.id]);
  const recording = useSignal<Blob | null>(null);
  const editing = useSignal(false);
  useEffect(() => {
    recording.value = null;
    editing.value = false;
    void recordingOf(transcript.id).then((found) => (recording.value = found));
  }, [transcript.id]);
  const { segments, state } = transcript;
  return (
    <article class="transcript" aria-label={transcript.name}>
      <Head transcript={transcript} />
      {recording.value !== null && !player.unplayable.value && (
        <audio
          ref={player.attach}
          src={urlOfBlob(recording.value)}
          controls
          preload="metadata"
          aria-label={words.player}
        />
      )}
      {player.unplayable.value && state !== "failed" && <p class="notice">{words.unplayable}</p>}
      <State transcript={transcript} durationS={transcript.durationS ?? player.durationS.value} />
      {editing.value ? (
        <TranscriptEditor transcript={transcript} />
      ) : (
        <TranscriptText segments={segments} player={player} />
      )}
      {state === "done" && textOf(transcript) === "" && <p class="empty">{words.nothingSaid}</p>}
      {segments.length > 0 && (
        <Buttons transcript={transcript} editing={editing.value} onEdit={() => (editing.value = !editing.value)} />
      )}
    </article>
  );
}

function Head({ transcript }: { readonly transcript: Transcript }) {
  const words = texts.speech;
  const deleting = useSignal(false);
  const { heard, task, durationS, created, model } = transcript;
  const facts = [
    new Date(created).toLocaleString(),
    durationS === null ? "" : clock(durationS),
    heard === null || heard === "und" ? "" : words.heard(languageName(heard, texts.language)),
    task === "translate" ? words.translated : "",
    model,
  ];
  return (
    <header class="transcript-head">
      <a class="button quiet small back" href={linkTo("speech")}>
        <Icon name="left" size={16} />
        {words.back}
      </a>
      <h2>
        <Name text={transcript.name} />
      </h2>
      <p class="hint">{facts.filter((fact) => fact !== "").join(" · ")}</p>
      <button
        type="button"
        class="button quiet icon delete"
        title={words.delete}
        aria-label={words.delete}
        onClick={() => (deleting.value = true)}
      >
        <Icon name="trash" />
      </button>
      {deleting.value && (
        <Dialog title={words.reallyDelete} onClose={() => (deleting.value = false)}>
          <div class="actions">
            <button type="button" class="button" onClick={() => (deleting.value = false)}>
              {texts.app.cancel}
            </button>
            <button
              type="button"
              class="button danger"
              onClick={() => {
                deleting.value = false;
                navigate(linkTo("speech"));
                void remove(transcript.id);
              }}
            >
              {words.delete}
            </button>
          </div>
        </Dialog>
      )}
    </header>
  );
}

function State({ transcript, durationS }: { readonly transcript: Transcript; readonly durationS: number | null }) {
  const words = texts.speech;
  if (transcript.state === "done") return null;
  const heardS = transcript.segments.at(-1)?.endS ?? 0;
  const active = isUnfinished(transcript) && isOurs(transcript.id);
  const known = durationS !== null && durationS > 0;
  return (
    <div class={transcript.state === "failed" ? "notice bad transcript-state" : "notice transcript-state"}>
      <div class="transcript-progress">
        <p role="status">
          {stateOf(transcript)}
          {transcript.error !== null && `: ${transcript.error}`}
          {active && known && heardS > 0 && (
            <span class="place"> {words.progress(clock(heardS), clock(durationS))}</span>
          )}
        </p>
        {active && (
          <progress
            aria-label={words.states.running}
            {...(known && heardS > 0 ? { value: heardS, max: durationS } : {})}
          />
        )}
      </div>
      {active ? (
        <button type="button" class="button small" onClick={() => void stop(transcript.id)}>
          <Icon name="stop" size={16} />
          {words.stop}
        </button>
      ) : (
        <button type="button" class="button small" onClick={() => void again(transcript.id)}>
          <Icon name="refresh" size={16} />
          {words.again}
        </button>
      )}
    </div>
  );
}

interface ButtonsProps {
  readonly transcript: Transcript;
  readonly editing: boolean;
  readonly onEdit: () => void;
}

function Buttons({ transcript, editing, onEdit }: ButtonsProps) {
  const words = texts.speech;
  const save = (format: SubtitleFormat) => {
    const { type, write } = FORMATS[format];
    const name = fileName(transcript.name.replace(/\.\w{1,5}$/, ""), 80);
    saveFile(`${name}.${format}`, new Blob([write(transcript)], { type: `${type};charset=utf-8` }));
  };
  return (
    <div class="buttons transcript-buttons">
      <button type="button" class="button small" aria-pressed={editing} onClick={onEdit}>
        <Icon name={editing ? "check" : "edit"} size={16} />
        {editing ? words.editDone : words.edit}
      </button>
      <button type="button" class="button small" onClick={() => void copyText(textOf(transcript))}>
        <Icon name="copy" size={16} />
        {words.copy}
      </button>
      {Object.keys(FORMATS).map((format) => (
        <button
          key={format}
          type="button"
          class="button small"
          aria-label={`${words.download} ${format}`}
          onClick={() => save(format as SubtitleFormat)}
        >
          <Icon name="download" size={16} />
          {format}
        </button>
      ))}
    </div>
  );
}
