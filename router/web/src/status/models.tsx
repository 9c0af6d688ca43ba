/** The served models: state, load and what they can do. */
import type { ServedModel } from "../api/server";
import { texts } from "../texts";
import { compact, count, rate } from "./format";
import { LoadButton } from "./loads";
import { Panel } from "./panel";
import { Bar, State } from "./state";

interface ModelsProps {
  readonly models: readonly ServedModel[];
  /** Whether this page may give orders. */
  readonly control: boolean;
}

export function Models({ models, control }: ModelsProps) {
  const words = texts.status.models;
  return (
    <Panel name="models" title={words.title}>
      <div class="card table-card">
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">{words.name}</th>
              <th scope="col">{words.state}</th>
              <th scope="col" class="number">
                {words.workers}
              </th>
              <th scope="col" class="number">
                {words.context}
              </th>
              <th scope="col" class="number">
                {words.running}
              </th>
              <th scope="col" class="number">
                {words.waiting}
              </th>
              <th scope="col" class="number">
                {words.tokens}
              </th>
              {control && (
                <th scope="col">
                  <span class="visually-hidden">{words.orders}</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {models.map((model) => (
              <Row key={model.id} model={model} control={control} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Row({ model, control }: { readonly model: ServedModel; readonly control: boolean }) {
  const words = texts.status.models;
  const context = model.kinds.includes("text") ? model.context_length : null;
  return (
    <tr>
      <th scope="row" class="main-cell">
        <span class="row-name">{model.id}</span>
        <span class="soft">{model.kinds.map(kindName).join(", ")}</span>
      </th>
      <td class={model.detail === "" ? undefined : "wide"} data-label={words.state}>
        <State state={model.state} progress={model.progress} />
        {model.progress !== null && <Bar share={model.progress} label={words.progress(model.id)} />}
        {model.detail !== "" && <span class="detail">{model.detail}</span>}
      </td>
      <td class="number" data-label={words.workers}>
        {count(model.ready_workers)} / {count(model.workers)}
      </td>
      <td class="number" data-label={words.context}>
        {context === null ? "–" : compact(context)}
      </td>
      <td class="number" data-label={words.running}>
        {model.slots === 0 ? count(model.running) : words.ofSlots(count(model.running), count(model.slots))}
      </td>
      <td class="number" data-label={words.waiting}>
        {count(model.waiting)}
      </td>
      <td class="number" data-label={words.tokens}>
        {model.kinds.includes("text") ? rate(model.tokens_per_s) : "–"}
      </td>
      {control && (
        <td class="row-actions">
          <LoadButton model={model} />
        </td>
      )}
    </tr>
  );
}

function kindName(kind: string): string {
  const names: Readonly<Record<string, string>> = texts.status.kinds;
  return names[kind] ?? kind;
}
