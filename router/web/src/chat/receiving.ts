/** Tells the page that comes after this one whether it must read on, whichever view it shows. */
import { remembered } from "../ui/remembered";

export const RECEIVING = "nexa.receiving";

/** Go on with the answers that an earlier page was receiving, if there are any. */
export async function readOnIfNeeded(): Promise<void> {
  if (remembered(RECEIVING) === null) return;
  try {
    const { startTalk } = await import("./talk/resume");
    await startTalk();
  } catch (error) {
    console.warn("answers are not read on before the chat view is shown", error);
  }
}
