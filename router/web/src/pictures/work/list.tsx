/** The orders in progress, with their steps and previews. */
import { modelWait } from "../../api/wait";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { cancel, retry, type Work, works } from "./runner";

export function WorkList() {
  if (works.value.length === 0) return null;
  return (
    <section class="works" aria-label={texts.pictures.work.title}>
      {works.value.map((work) => (
        <WorkCard key={work.id} work={work} />
      ))}
    </section>
  );
}

function WorkCard({ work }: { readonly work: Work }) {
  const words = texts.pictures.work;
  const { settings, progress, state } = work;
  const previews = Object.entries(progress.previews);
  const failed = state === "failed";
  return (
    <article class={failed ? "card work failed" : "card work"} aria-label={settings.prompt}>
      {previews.length > 0 && (
        <div class="previews">
          {previews.map(([index, base64]) => (
            <img key={index} src={`data:image/png;base64,${base64}`} alt={words.preview} />
          ))}
        </div>
      )}
      <div class="work-text">
        <p class="work-prompt" title={settings.prompt}>
          {settings.prompt}
        </p>
        <p class="work-state" role="status">
          {failed ? `${words.failed}: ${work.error}` : stateOf(work)}
        </p>
        {!failed && (
          <progress
            aria-label={words.title}
            {...(progress.steps > 0
              ? { value: progress.step, max: progress.steps }
              : state === "waiting"
                ? { value: 0, max: 1 }
                : {})}
          />
        )}
      </div>
      <div class="work-buttons">
        {failed && (
          <button type="button" class="button small" onClick={() => retry(work.id)}>
            <Icon name="refresh" size={16} />
            {words.again}
          </button>
        )}
        <button type="button" class="button small" onClick={() => void cancel(work.id)}>
          <Icon name={failed ? "close" : "stop"} size={16} />
          {failed ? words.dismiss : words.cancel}
        </button>
      </div>
    </article>
  );
}

/** How far an order is, in words. */
export function stateOf({ state, settings, progress: { position, step, steps } }: Work): string {
  const words = texts.pictures.work;
  if (state === "interrupted") return words.interrupted;
  if (state === "waiting") return words.waiting;
  if (steps > 0) return words.step(step, steps);
  const load = modelWait(settings.model);
  if (load !== null) {
    if (!load.begun) return words.modelWillLoad(load.model);
    return load.percent === null ? words.modelLoads(load.model) : words.modelLoadsPercent(load.model, load.percent);
  }
  return position > 0 ? words.position(position) : words.sent;
}
