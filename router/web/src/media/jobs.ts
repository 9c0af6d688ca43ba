/** Jobs that this page has begun on the server. */
import { requestJson } from "../api/client";
import { ApiError, OfflineError } from "../api/errors";
import { cancelJob } from "../api/stream";

/** Its place in the queue: from 1 for a job that waits, 0 for one that runs; null if that is not known. */
export async function queuePosition(jobId: string): Promise<number | null> {
  try {
    const job = await requestJson<{ position: number | null }>(`v1/jobs/${encodeURIComponent(jobId)}`, { quiet: true });
    return job.position ?? 0;
  } catch (error) {
    if (error instanceof ApiError || error instanceof OfflineError) return null;
    throw error;
  }
}

/** Stop a job. Where the server cannot be told, it stops by itself, since nobody reads its stream any more. */
export async function giveUp(jobId: string): Promise<void> {
  try {
    await cancelJob(jobId);
  } catch (error) {
    if (!(error instanceof ApiError) && !(error instanceof OfflineError)) throw error;
    console.info("the server was not told that a job is given up", error);
  }
}
