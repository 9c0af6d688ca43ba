/** Where a job is in the server's queue. */
import { requestJson } from "../api/client";
import { ApiError, OfflineError } from "../api/errors";

/** From 1 for a job that waits, 0 for one that runs; null if that is not known. */
export async function queuePosition(jobId: string): Promise<number | null> {
  try {
    const job = await requestJson<{ position: number | null }>(`v1/jobs/${encodeURIComponent(jobId)}`, { quiet: true });
    return job.position ?? 0;
  } catch (error) {
    if (error instanceof ApiError || error instanceof OfflineError) return null;
    throw error;
  }
}
