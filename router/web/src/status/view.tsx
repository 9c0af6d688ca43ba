/** How the server is, and for the operator: what can be done about it. */
import { useState } from "preact/hooks";

import { requestJson } from "../api/client";
import { server, type ServerState } from "../api/server";
import type { ViewProps } from "../app/views";
import { texts } from "../texts";
import { Charts } from "./charts";
import { type Curves, lastTime, merged } from "./curves";
import { Events } from "./events";
import { duration } from "./format";
import { Keys } from "./keys";
import { Limits } from "./limits";
import { Models } from "./models";
import { attempt, useRepeated } from "./polling";
import { Queues } from "./queues";
import "./status.css";
import { Store } from "./store";
import { Summary } from "./summary";
import { Usage } from "./usage_panel";
import { Workers } from "./workers";

const POLL_MS = 2000;

/** What was learnt stays, so that a return to this view shows it at once. */
let known: Curves | null = null;

export function StatusView(_props: ViewProps) {
  const words = texts.status;
  const [curves, setCurves] = useState<Curves | null>(known);
  const [error, setError] = useState<string | null>(null);
  useRepeated(ask, POLL_MS);
  const state = server.value;
  if (state === null) return <p class="empty">{texts.app.loading}</p>;
  const { operator, control } = state.caller;
  return (
    <div class="view status">
      <div class="status-inner">
        <header class="status-head">
          <h1>{texts.app.views.status}</h1>
          <p class="soft">{versionLine(state)}</p>
        </header>
        {operator && !control && <p class="notice">{words.noControl}</p>}
        <Limits limits={state.limits} />
        <Summary server={state} curves={curves} />
        {error !== null && <p class="notice bad">{error}</p>}
        <Models models={state.models} control={control} />
        {curves !== null && <Charts curves={curves} />}
        <Workers control={control} />
        <div class="side-by-side">
          <Queues queues={state.queues} all={operator} />
          <Events events={curves?.events ?? []} />
        </div>
        <Usage all={operator} />
        {operator && <Keys control={control} />}
        {control && <Store />}
      </div>
    </div>
  );

  async function ask(signal: AbortSignal): Promise<void> {
    await attempt(async () => {
      known = merged(known, await requestJson<Curves>(`v1/server/curves?since=${lastTime(known)}`, { signal }));
      setCurves(known);
      setError(null);
    }, setError);
  }
}

function versionLine({ version, started, caller }: ServerState): string {
  const words = texts.status;
  const up = words.up(duration(Math.max(1, Date.now() / 1000 - started)));
  const who = caller.operator ? words.asOperator : words.asUser(caller.user);
  return [version === null ? null : words.version(version), up, who].filter(Boolean).join(" · ");
}
