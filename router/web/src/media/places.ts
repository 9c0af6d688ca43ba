/**
 * Where this tab is in the streams that it reads: kept over a reload, and not shared with other tabs, since a stream has
 * one reader.
 */
import { ApiError, isStreamGone } from "../api/errors";
import { ofTab, remember, rememberedJson } from "../ui/remembered";

export interface Place {
  /** Null until the server has accepted the request. */
  readonly jobId: string | null;
  readonly lastEventId: number;
}

export const START: Place = { jobId: null, lastEventId: 0 };

/** Whether a job must be begun anew: its stream is gone, or its workers have lost it. */
export function isGone(error: unknown): boolean {
  return isStreamGone(error) || (error instanceof ApiError && error.code === "job_lost");
}

export class Places {
  readonly #name: string;
  #places: Record<string, Place>;

  constructor(name: string) {
    this.#name = `nexa.places.${name}`;
    this.#places = this.#read();
  }

  /** The ids of what this tab has not finished. */
  get ids(): readonly string[] {
    return Object.keys(this.#places);
  }

  get(id: string): Place | null {
    return this.#places[id] ?? null;
  }

  set(id: string, place: Place): void {
    this.#places[id] = place;
    this.#write();
  }

  delete(id: string): void {
    delete this.#places[id];
    this.#write();
  }

  #read(): Record<string, Place> {
    const found = rememberedJson(this.#name, ofTab);
    return isPlaces(found) ? found : {};
  }

  #write(): void {
    remember(this.#name, JSON.stringify(this.#places), ofTab);
  }
}

function isPlaces(found: unknown): found is Record<string, Place> {
  return typeof found === "object" && found !== null && !Array.isArray(found);
}
