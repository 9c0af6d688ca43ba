/**
 * A browser opens six connections to a server over HTTP/1.1, for all its tabs together, and a stream has one for itself.
 * So streams take turns: one connection is always left for all else, such as stopping an answer.
 */

const MAX_STREAMS = 5;
const NAMES = Array.from({ length: MAX_STREAMS }, (_, index) => `nexa.stream.${index}`);

type EndTurn = () => void;

/**
 * Wait for a stream's turn; the function returned ends it.
 *
 * @throws an AbortError if given up before.
 */
export async function takeTurn(signal?: AbortSignal): Promise<EndTurn> {
  signal?.throwIfAborted();
  const left = new AbortController();
  const giveUp = () => left.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    return await (locks() === null ? pageTurn(left.signal) : browserTurn(left));
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** The locks that all tabs share; browsers have them for secure origins only. */
function locks(): LockManager | null {
  return (navigator.locks as LockManager | undefined) ?? null;
}

/** One of the locks, whichever is free first. */
function browserTurn(left: AbortController): Promise<EndTurn> {
  return new Promise((resolve, reject) => {
    let isTaken = false;
    for (const name of NAMES) {
      const lock = navigator.locks.request(name, { signal: left.signal }, () => {
        if (isTaken || left.signal.aborted) return;
        isTaken = true;
        return new Promise<void>((end) => {
          resolve(end);
          left.abort(); // the other locks are no longer wanted
        });
      });
      lock.catch(reject); // changes nothing once there is a lock
    }
  });
}

let streams = 0;
const waiting: (() => void)[] = [];

/** A turn among the streams of this page alone. */
async function pageTurn(left: AbortSignal): Promise<EndTurn> {
  if (streams >= MAX_STREAMS) await called(left);
  else streams++;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    const next = waiting.shift();
    if (next === undefined) streams--;
    else next(); // takes the place
  };
}

function called(left: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    waiting.push(resolve);
    const giveUp = () => {
      const at = waiting.indexOf(resolve);
      if (at < 0) return; // it was called before
      waiting.splice(at, 1);
      reject(left.reason as Error);
    };
    left.addEventListener("abort", giveUp, { once: true });
  });
}
