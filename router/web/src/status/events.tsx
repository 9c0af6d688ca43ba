/** What became of the workers: loads, ends, drains. */
import { useState } from "preact/hooks";

import { texts } from "../texts";
import type { WorkerEvent } from "./curves";
import { duration, timeOfDay } from "./format";
import { Panel } from "./panel";
import { State } from "./state";

const FEW = 8;

export function Events({ events }: { readonly events: readonly WorkerEvent[] }) {
  const words = texts.status.events;
  const [all, setAll] = useState(false);
  const newest = events.toReversed();
  const shown = all ? newest : newest.slice(0, FEW);
  return (
    <Panel
      name="events"
      title={words.title}
      tools={
        newest.length > FEW && (
          <button type="button" class="button small" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? words.fewer : words.all(newest.length)}
          </button>
        )
      }
    >
      <div class="card table-card">
        {shown.length === 0 ? (
          <p class="empty small">{words.none}</p>
        ) : (
          <ol class="events">
            {shown.map((event) => (
              <li key={`${event.worker} ${event.at} ${event.state}`}>
                <time dateTime={new Date(event.at * 1000).toISOString()}>{timeOfDay(event.at)}</time>
                <span class="row-name">{event.worker}</span>
                <State state={event.state} />
                <span class="soft">{sentence(event)}</span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </Panel>
  );
}

function sentence(event: WorkerEvent): string {
  const words = texts.status.events;
  if (event.detail !== "") return event.detail;
  if (event.lasted_s === null) return "";
  if (event.state === "ready" && event.before === "loading") return words.loaded(duration(event.lasted_s));
  if (event.before === "ready") return words.served(duration(event.lasted_s));
  return "";
}
