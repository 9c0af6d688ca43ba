/** Who has jobs now, by model. */
import type { Queue } from "../api/server";
import { texts } from "../texts";
import { count } from "./format";
import { Panel } from "./panel";

export function Queues({ queues, all }: { readonly queues: readonly Queue[]; readonly all: boolean }) {
  const words = texts.status.queues;
  return (
    <Panel name="queues" title={all ? words.title : words.own}>
      <div class="card table-card">
        {queues.length === 0 ? (
          <p class="empty small">{words.none}</p>
        ) : (
          <table class="rows">
            <thead>
              <tr>
                <th scope="col">{words.user}</th>
                <th scope="col">{words.model}</th>
                <th scope="col" class="number">
                  {words.running}
                </th>
                <th scope="col" class="number">
                  {words.waiting}
                </th>
              </tr>
            </thead>
            <tbody>
              {queues.map((queue) => (
                <tr key={`${queue.user} ${queue.model}`}>
                  <th scope="row" class="main-cell">
                    <span class="row-name">{queue.user}</span>
                  </th>
                  <td data-label={words.model}>{queue.model}</td>
                  <td class="number" data-label={words.running}>
                    {count(queue.running)}
                  </td>
                  <td class="number" data-label={words.waiting}>
                    {count(queue.waiting)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </Panel>
  );
}
