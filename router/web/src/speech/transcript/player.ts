/** Plays a recording, and says where it is. */
import { signal, type ReadonlySignal } from "@preact/signals";

const FAR_S = 1e9;

export class Player {
  readonly #timeS = signal(-1);
  readonly #durationS = signal<number | null>(null);
  readonly #unplayable = signal(false);
  #element: HTMLMediaElement | null = null;
  #frame = 0;

  /** Where it is; -1 before it was played for the first time. */
  get timeS(): ReadonlySignal<number> {
    return this.#timeS;
  }

  get durationS(): ReadonlySignal<number | null> {
    return this.#durationS;
  }

  get unplayable(): ReadonlySignal<boolean> {
    return this.#unplayable;
  }

  /** Use this element from now on; null ends that. */
  readonly attach = (element: HTMLMediaElement | null): void => {
    cancelAnimationFrame(this.#frame);
    this.#element = element;
    if (element === null) return;
    element.addEventListener("loadedmetadata", () => this.#measure(element));
    element.addEventListener("durationchange", () => this.#measure(element));
    element.addEventListener("error", () => (this.#unplayable.value = true));
    element.addEventListener("play", () => this.#follow(element));
    element.addEventListener("seeked", () => this.#tell(element));
  };

  playFrom(timeS: number): void {
    const element = this.#element;
    if (element === null) return;
    element.currentTime = timeS;
    this.#timeS.value = timeS;
    element.play().catch((error: unknown) => console.info("it cannot be played", error)); // the element tells why
  }

  /** Recordings of browsers do not say how long they are: only their end does. */
  #measure(element: HTMLMediaElement): void {
    if (Number.isFinite(element.duration)) {
      this.#durationS.value = element.duration;
    } else if (element.duration === Infinity && element.currentTime === 0) {
      element.addEventListener("durationchange", () => (element.currentTime = 0), { once: true });
      element.currentTime = FAR_S;
    }
  }

  #follow(element: HTMLMediaElement): void {
    cancelAnimationFrame(this.#frame);
    const look = () => {
      this.#tell(element);
      if (!element.paused && !element.ended) this.#frame = requestAnimationFrame(look);
    };
    look();
  }

  #tell(element: HTMLMediaElement): void {
    if (!element.paused || this.#timeS.value >= 0) this.#timeS.value = element.currentTime;
  }
}
