/** A kept picture in full size, with what it was made with. Arrow keys and swipes go to its neighbours. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { urlOfBlob } from "../../media/blob_url";
import { saveFile } from "../../media/save";
import { texts } from "../../texts";
import { copyText } from "../../ui/copy";
import { Icon, type IconName } from "../../ui/icon";
import { toast } from "../../ui/toast";
import { takeInput } from "../form/input";
import { applySettings, change } from "../form/state";
import { writeParameters } from "../settings/parameters";
import { DeleteDialog, pictureName } from "./gallery";
import type { KeptPicture } from "./kept";
import { swipeOf } from "./swipe";

export interface ViewerProps {
  readonly pictures: readonly KeptPicture[];
  readonly id: string;
  readonly onMove: (id: string) => void;
  readonly onClose: () => void;
}

export function Viewer({ pictures, id, onMove, onClose }: ViewerProps) {
  const words = texts.pictures.viewer;
  const dialog = useRef<HTMLDialogElement>(null);
  const leadsToForm = useRef(false);
  const touched = useRef<{ x: number; y: number } | null>(null);
  const index = pictures.findIndex((picture) => picture.id === id);
  const picture = pictures[index];
  const move = (by: number) => {
    const next = pictures[index + by];
    if (next !== undefined) onMove(next.id);
  };
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (leadsToForm.current) focusForm();
      else if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  useEffect(() => {
    if (picture === undefined) onClose();
  }, [picture]);
  if (picture === undefined) return null;
  return (
    <dialog
      ref={dialog}
      class="viewer"
      aria-label={words.title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => {
        if (event.key === "ArrowLeft") move(-1);
        else if (event.key === "ArrowRight") move(1);
      }}
    >
      <div
        class="viewer-picture"
        onPointerDown={(event) => (touched.current = { x: event.clientX, y: event.clientY })}
        onPointerUp={(event) => {
          if (touched.current !== null) move(swipeOf(touched.current, { x: event.clientX, y: event.clientY }));
          touched.current = null;
        }}
      >
        <img src={urlOfBlob(picture.png)} alt={picture.settings.prompt} draggable={false} />
        <MoveButton icon="left" label={words.previous} disabled={index === 0} onClick={() => move(-1)} />
        <MoveButton icon="right" label={words.next} disabled={index === pictures.length - 1} onClick={() => move(1)} />
        <span class="viewer-place">{words.place(index + 1, pictures.length)}</span>
        <button
          type="button"
          class="button icon viewer-close"
          title={texts.app.close}
          aria-label={texts.app.close}
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      <Facts
        picture={picture}
        onForm={() => {
          leadsToForm.current = true;
          onClose();
        }}
        onDeleted={() => move(index === pictures.length - 1 ? -1 : 1)}
      />
    </dialog>
  );
}

interface MoveButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly disabled: boolean;
  readonly onClick: () => void;
}

function MoveButton({ icon, label, disabled, onClick }: MoveButtonProps) {
  return (
    <button
      type="button"
      class={`button icon viewer-${icon}`}
      title={label}
      aria-label={label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

interface FactsProps {
  readonly picture: KeptPicture;
  /** The form has something of it: go there. */
  readonly onForm: () => void;
  readonly onDeleted: () => void;
}

function Facts({ picture, onForm, onDeleted }: FactsProps) {
  const words = texts.pictures.viewer;
  const deleting = useSignal(false);
  const { settings } = picture;
  return (
    <div class="viewer-facts">
      <p class="viewer-prompt">{settings.prompt}</p>
      <FactTable picture={picture} />
      <div class="buttons">
        <FactButton
          icon="download"
          label={words.download}
          onClick={() => saveFile(pictureName(picture), picture.png)}
        />
        <FactButton
          icon="refresh"
          label={words.again}
          onClick={() => {
            applySettings(settings);
            onForm();
            toast(texts.pictures.parameters.taken);
          }}
        />
        <FactButton
          icon="picture"
          label={words.useAsInput}
          onClick={() => {
            void takeInput(picture.png, pictureName(picture)).then(() => change({ width: null, height: null }));
            onForm();
          }}
        />
        <FactButton icon="copy" label={words.copyPrompt} onClick={() => void copyText(settings.prompt)} />
        <FactButton icon="copy" label={words.copySettings} onClick={() => void copyText(writeParameters(settings))} />
        <FactButton icon="trash" label={texts.pictures.gallery.delete} danger onClick={() => (deleting.value = true)} />
      </div>
      {deleting.value && (
        <DeleteDialog
          pictures={[picture]}
          onClose={(deleted) => {
            deleting.value = false;
            if (deleted) onDeleted();
          }}
        />
      )}
    </div>
  );
}

function FactTable({ picture }: { readonly picture: KeptPicture }) {
  const words = texts.pictures;
  const { settings } = picture;
  const facts: readonly (readonly [string, string])[] = [
    [words.negativePrompt, settings.negativePrompt],
    [words.seed, String(settings.seed ?? "")],
    [words.size, `${picture.width} × ${picture.height}`],
    [words.steps, String(settings.steps)],
    [words.cfgScale, String(settings.cfgScale)],
    [words.sampler, settings.sampler],
    [words.scheduler, settings.scheduler],
    [words.strength, picture.hasInput ? `${Math.round(settings.strength * 100)} %` : ""],
    [words.model, settings.model],
    [words.viewer.date, new Date(picture.created).toLocaleString()],
  ];
  return (
    <dl class="picture-facts">
      {facts
        .filter(([, value]) => value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

interface FactButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly danger?: boolean;
  readonly onClick: () => void;
}

function FactButton({ icon, label, danger = false, onClick }: FactButtonProps) {
  return (
    <button type="button" class={danger ? "button small danger" : "button small"} onClick={onClick}>
      <Icon name={icon} size={16} />
      {label}
    </button>
  );
}

/** What is left to do there is to paint. */
function focusForm(): void {
  document.querySelector<HTMLElement>(".picture-form .paint")?.focus({ preventScroll: true });
  document.querySelector(".picture-form")?.scrollIntoView({ block: "start" });
}
