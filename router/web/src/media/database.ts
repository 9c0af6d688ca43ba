/** Pictures and transcripts, kept in this browser. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";

import type { KeptPicture } from "../pictures/gallery/kept";
import type { WaitingPictures } from "../pictures/work/order";
import type { Transcript } from "../speech/transcript/transcript";

interface MediaSchema extends DBSchema {
  pictures: { key: string; value: KeptPicture };
  /** Orders whose pictures are not all there yet. */
  orders: { key: string; value: WaitingPictures };
  transcripts: { key: string; value: Transcript };
  /** The recordings of transcripts, under the same ids. */
  recordings: { key: string; value: Blob };
}

export type MediaDatabase = IDBPDatabase<MediaSchema>;
export type MediaStore = "pictures" | "orders" | "transcripts" | "recordings";

let opened: Promise<MediaDatabase> | null = null;

export function mediaDatabase(): Promise<MediaDatabase> {
  opened ??= openDB<MediaSchema>("nexa.media", 1, {
    upgrade(database) {
      database.createObjectStore("pictures", { keyPath: "id" });
      database.createObjectStore("orders", { keyPath: "id" });
      database.createObjectStore("transcripts", { keyPath: "id" });
      database.createObjectStore("recordings");
    },
    blocking(_current, _blocked, event) {
      opened = null; // a newer page in another tab wants to change it
      (event.target as IDBDatabase).close();
    },
    terminated: () => (opened = null),
  });
  return opened;
}

/** An id that sorts by the time at which it was made. */
export function newId(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `${Date.now().toString(36).padStart(9, "0")}-${[...random].map((part) => part.toString(36)).join("")}`;
}
