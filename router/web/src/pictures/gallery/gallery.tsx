/** The kept pictures: search, open, export, delete. */
import { useComputed, useSignal } from "@preact/signals";

import { urlOfBlob } from "../../media/blob_url";
import { fileName, saveFile } from "../../media/save";
import { zip } from "../../media/zip";
import { texts } from "../../texts";
import { Dialog } from "../../ui/dialog";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toast";
import { forget, isForgetful, kept, type KeptPicture, matching } from "./kept";
import { Viewer } from "./viewer";

const PAGE = 60;

export function Gallery() {
  const words = texts.pictures.gallery;
  const search = useSignal("");
  const limit = useSignal(PAGE);
  const opened = useSignal<string | null>(null);
  const found = useComputed(() => matching(kept.value ?? [], search.value));
  if (kept.value === null) return <p class="empty">{texts.app.loading}</p>;
  return (
    <section class="gallery" aria-label={words.title}>
      {isForgetful.value && <p class="notice">{words.forgetful}</p>}
      {kept.value.length === 0 ? (
        <p class="empty">{words.empty}</p>
      ) : (
        <>
          <GalleryHead found={found.value} search={search.value} onSearch={(text) => (search.value = text)} />
          {found.value.length === 0 && <p class="empty">{words.nothing}</p>}
          <ul class="tiles">
            {found.value.slice(0, limit.value).map((picture) => (
              <li key={picture.id}>
                <Tile picture={picture} onOpen={() => (opened.value = picture.id)} />
              </li>
            ))}
          </ul>
        </>
      )}
      {found.value.length > limit.value && (
        <button type="button" class="button" onClick={() => (limit.value += PAGE)}>
          {words.more}
        </button>
      )}
      {opened.value !== null && (
        <Viewer
          pictures={found.value}
          id={opened.value}
          onMove={(id) => (opened.value = id)}
          onClose={() => (opened.value = null)}
        />
      )}
    </section>
  );
}

function Tile({ picture, onOpen }: { readonly picture: KeptPicture; readonly onOpen: () => void }) {
  const { prompt } = picture.settings;
  return (
    <button type="button" class="tile" onClick={onOpen} aria-label={texts.pictures.gallery.open(prompt)} title={prompt}>
      <img
        src={urlOfBlob(picture.png)}
        width={picture.width}
        height={picture.height}
        loading="lazy"
        decoding="async"
        alt=""
      />
    </button>
  );
}

interface GalleryHeadProps {
  readonly found: readonly KeptPicture[];
  readonly search: string;
  readonly onSearch: (text: string) => void;
}

function GalleryHead({ found, search, onSearch }: GalleryHeadProps) {
  const words = texts.pictures.gallery;
  const asking = useSignal(false);
  return (
    <div class="gallery-head">
      <h2>{words.title}</h2>
      <span class="count">{words.found(found.length)}</span>
      <input
        class="input"
        type="search"
        placeholder={words.search}
        aria-label={words.search}
        value={search}
        onInput={(event) => onSearch(event.currentTarget.value)}
      />
      <button type="button" class="button small" disabled={found.length === 0} onClick={() => void download(found)}>
        <Icon name="download" size={16} />
        {words.export}
      </button>
      <button
        type="button"
        class="button small danger"
        disabled={found.length === 0}
        onClick={() => (asking.value = true)}
      >
        <Icon name="trash" size={16} />
        {words.deleteAll}
      </button>
      {asking.value && <DeleteDialog pictures={found} onClose={() => (asking.value = false)} />}
    </div>
  );
}

export interface DeleteDialogProps {
  readonly pictures: readonly KeptPicture[];
  readonly onClose: (deleted: boolean) => void;
}

export function DeleteDialog({ pictures, onClose }: DeleteDialogProps) {
  const words = texts.pictures.gallery;
  return (
    <Dialog title={words.reallyDelete(pictures.length)} onClose={() => onClose(false)}>
      <div class="actions">
        <button type="button" class="button" onClick={() => onClose(false)}>
          {texts.app.cancel}
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => {
            void forget(pictures);
            onClose(true);
          }}
        >
          {words.delete}
        </button>
      </div>
    </Dialog>
  );
}

/** The name of a picture's file: when it was made, what it shows, its seed. */
export function pictureName({ created, settings }: KeptPicture): string {
  const time = new Date(created).toISOString().slice(0, 19).replaceAll(/[:T]/g, "-");
  return `${time}-${fileName(settings.prompt)}-${settings.seed ?? 0}.png`;
}

async function download(pictures: readonly KeptPicture[]): Promise<void> {
  const entries = pictures.map((picture, index) => ({
    name: `${String(index + 1).padStart(4, "0")}-${pictureName(picture)}`,
    content: picture.png,
    modified: new Date(picture.created),
  }));
  try {
    saveFile("nexa-pictures.zip", await zip(entries));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    toast(texts.pictures.gallery.tooLarge);
  }
}
