/** When the page is opened: read the chats, and receive what an earlier page has begun to receive. */
import { forget } from "../../ui/remembered";
import { RECEIVING } from "../receiving";
import { abandoned, startStore } from "../store/store";
import { keepAll, resumeRun, runs } from "./runs";

const LOOK_MS = 5000;

let started = false;

export async function startTalk(): Promise<void> {
  if (started) return;
  started = true;
  addEventListener("pagehide", keepAll);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) keepAll();
  });
  await startStore();
  await resumeAbandoned();
  setInterval(() => {
    if (!document.hidden) void resumeAbandoned(); // of tabs that were closed
  }, LOOK_MS);
}

async function resumeAbandoned(): Promise<void> {
  const found = await abandoned();
  for (const answer of found) void resumeRun(answer);
  if (found.length === 0 && runs.value.size === 0) forget(RECEIVING);
}
