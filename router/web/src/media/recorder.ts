/** Records from the microphone. Browsers allow that on secure origins only: HTTPS, or this machine. */
import { signal, type ReadonlySignal } from "@preact/signals";

/** Why nothing can be recorded here. */
export type RecordingObstacle = "insecure" | "unsupported";

/** Why a recording did not begin although the browser can record. */
export type RecordingFailure = "refused" | "missing" | "failed";

export interface Recording {
  readonly file: File;
  readonly durationS: number;
}

/** In order of preference: all of them are formats that the server reads. */
const FORMATS: readonly (readonly [type: string, extension: string])[] = [
  ["audio/webm;codecs=opus", "webm"],
  ["audio/mp4", "m4a"],
  ["audio/ogg;codecs=opus", "ogg"],
];
const LEVELS_PER_S = 20;
const PIECE_MS = 1000;

/** Null if the browser can record on this page. */
export function recordingObstacle(): RecordingObstacle | null {
  if (!window.isSecureContext) return "insecure";
  const able = typeof MediaRecorder !== "undefined" && navigator.mediaDevices?.getUserMedia !== undefined;
  return able ? null : "unsupported";
}

/** What an error of {@link Recorder.start} says. */
export function recordingFailure(error: unknown): RecordingFailure {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "refused";
  return name === "NotFoundError" || name === "OverconstrainedError" ? "missing" : "failed";
}

/** A recording in progress. */
export class Recorder {
  readonly #level = signal(0);
  readonly #elapsedS = signal(0);
  readonly #pieces: Blob[] = [];
  readonly #ended: Promise<void>;
  readonly #startedMs = performance.now();
  readonly #context = new AudioContext();
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(
    private readonly stream: MediaStream,
    private readonly recorder: MediaRecorder,
    private readonly extension: string,
  ) {
    recorder.addEventListener("dataavailable", ({ data }) => this.#pieces.push(data));
    this.#ended = new Promise((resolve) => recorder.addEventListener("stop", () => resolve(), { once: true }));
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    this.#context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.#level.value = levelOf(samples);
      this.#elapsedS.value = this.#sinceStartS();
    }, 1000 / LEVELS_PER_S);
    recorder.start(PIECE_MS);
  }

  /**
   * Ask for the microphone, and record until {@link stop} or {@link cancel}.
   *
   * @throws DOMException the user or the browser refuses; see {@link recordingFailure}.
   */
  static async start(): Promise<Recorder> {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const [type, extension] = FORMATS.find(([known]) => MediaRecorder.isTypeSupported(known)) ?? ["", "bin"];
    try {
      return new Recorder(stream, new MediaRecorder(stream, type === "" ? {} : { mimeType: type }), extension);
    } catch (error) {
      release(stream);
      throw error;
    }
  }

  /** How loud it is now, 0 to 1. */
  get level(): ReadonlySignal<number> {
    return this.#level;
  }

  get elapsedS(): ReadonlySignal<number> {
    return this.#elapsedS;
  }

  /** End the recording; `name` is that of its file, without the extension. */
  async stop(name: string): Promise<Recording> {
    const durationS = this.#sinceStartS();
    await this.#end();
    const type = this.recorder.mimeType.split(";")[0] ?? "";
    return { file: new File(this.#pieces, `${name}.${this.extension}`, { type }), durationS };
  }

  /** End it, and keep nothing. */
  async cancel(): Promise<void> {
    await this.#end();
    this.#pieces.length = 0;
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer);
    if (this.recorder.state !== "inactive") this.recorder.stop();
    else return;
    await this.#ended;
    release(this.stream);
    await this.#context.close();
  }

  #sinceStartS(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }
}

/** The loudness of samples from -1 to 1: their root mean square, from -60 dB (0) to 0 dB (1). */
export function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 + decibels / 60));
}

function release(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
