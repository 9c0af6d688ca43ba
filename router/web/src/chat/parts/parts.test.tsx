import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type ServedModel, type ServerState, server } from "../../api/server";
import { sampleAnswer, sampleChat } from "../store/samples";
import { type AnswerMessage, NO_SETTINGS, noTimes } from "../store/types";
import type { Run } from "../talk/runs";
import { Answer } from "./answer";
import { Head } from "./head";
import { SettingsDialog } from "./settings_dialog";
import { Welcome } from "./welcome";

const USAGE = { prompt: 10, cached: 4, answer: 61, thought: 20 };
const TIMES = { ...noTimes(1000), first: 1500, last: 3500, pieces: 61, thoughtFrom: 1500, thoughtTo: 2700 };
const ACTIONS = { again: vi.fn(), goOn: vi.fn(), rewrite: vi.fn(), sendResults: vi.fn() };

let root: HTMLElement;

beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
  vi.useFakeTimers({ now: 9000 });
});

afterEach(() => {
  act(() => render(null, root));
  root.remove();
  server.value = null;
  vi.useRealTimers();
});

function model(part: Partial<ServedModel> = {}): ServedModel {
  return {
    id: "m",
    kinds: ["text"],
    inputs: ["text"],
    outputs: ["text"],
    state: "ready",
    progress: null,
    detail: "",
    waiting: 0,
    ...part,
  } as unknown as ServedModel;
}

function serve(...models: ServedModel[]): void {
  server.value = { models } as unknown as ServerState;
}

function show(answer: AnswerMessage, run?: Partial<Run>): void {
  const whole = run && {
    answer: signal(answer),
    position: signal(null),
    behind: signal(false),
    interrupted: signal(false),
    ...run,
  };
  act(() =>
    render(
      <Answer
        stored={answer}
        run={whole}
        messages={new Map([[answer.id, answer]])}
        isLast
        actions={run ? null : ACTIONS}
      />,
      root,
    ),
  );
}

const shown = () => root.textContent ?? "";

test("a thought is folded with its time, and tokens and speed are told", () => {
  show(sampleAnswer("a", null, { text: "Red.", thought: "Hm.", usage: USAGE, times: TIMES }));
  expect(root.querySelector(".thought")).toMatchObject({ open: false });
  expect(shown()).toContain("Thought for 1.2 s");
  expect(root.querySelector(".facts")?.textContent).toBe("m · 61 tokens · 30 tokens/s · first after 0.5 s");
});

test("a thought that goes on is timed as it does", () => {
  const times = { ...noTimes(1000), first: 2000, last: 8000, pieces: 4, thoughtFrom: 2000 };
  show(sampleAnswer("a", null, { text: "", thought: "Hm.", state: "streaming", finish: null, times }), {});
  expect(shown()).toContain("Thinking for 7 s");
  act(() => void vi.advanceTimersByTime(5000));
  expect(shown()).toContain("Thinking for 12 s");
});

test("after a gap no time is told that nobody knows", () => {
  show(sampleAnswer("a", null, { thought: "Hm.", usage: USAGE, times: { ...TIMES, gap: true } }));
  expect(root.querySelector(".facts")?.textContent).toBe("m · 61 tokens");
  expect(root.querySelector("summary")?.textContent).toBe("Thought");
});

test.each([
  ["its place in the queue", { position: signal(3) }, "Number 3 in the queue"],
  ["that it is next", { position: signal(1) }, "Next in the queue"],
  ["that it was not sent", { interrupted: signal(true) }, "The message is sent when it can."],
  ["that it begins", {}, "Waiting for the first word"],
])("who waits is told %s", (_, run, words) => {
  serve(model());
  show(sampleAnswer("a", null, { text: "", state: "streaming", finish: null }), run);
  expect(shown()).toContain(words);
});

test("who waits for a model that loads sees how far it is", () => {
  serve(model({ state: "loading", progress: 0.42 }));
  show(sampleAnswer("a", null, { text: "", state: "streaming", finish: null }), {});
  expect(shown()).toContain("m is loading: 42 %");
});

test("who waits for a model that has not begun to load is told so", () => {
  serve(model({ state: "unloaded" }));
  show(sampleAnswer("a", null, { text: "", state: "streaming", finish: null }), { position: signal(2) });
  expect(shown()).toContain("m is not loaded yet: it loads for this");
});

test.each([
  ["failed", { state: "failed" as const, error: "too long", text: "" }, "too long", ["Try again"]],
  ["interrupted", { state: "interrupted" as const }, "Interrupted", ["Continue", "Try again"]],
  ["cut", { finish: "length" }, "Cut off", ["Continue"]],
  ["stopped", { state: "stopped" as const }, "Stopped.", ["Continue"]],
  ["empty", { text: "" }, "The model has said nothing.", ["Answer again"]],
])("an answer that was %s says so, and what can be done", (_, part, words, buttons) => {
  show(sampleAnswer("a", null, part));
  expect(root.querySelector(".ending-text")?.textContent).toContain(words);
  expect([...root.querySelectorAll(".ending button")].map((button) => button.textContent)).toEqual(buttons);
});

test("several calls are shown with what they were given and gave", () => {
  const calls = [
    { id: "1", name: "weather", args: '{"city":"Paris"}', result: '{"warm":true}' },
    { id: "2", name: "time", args: "{not json", result: null },
  ];
  show(sampleAnswer("a", null, { text: "", calls, finish: "tool_calls" }));
  const found = [...root.querySelectorAll(".call")].map((call) => call.textContent);
  expect(found[0]).toContain("Calls weather");
  expect(found[0]).toContain('"city": "Paris"');
  expect(found[0]).toContain('"warm": true');
  expect(found[1]).toContain("{not json");
  expect(root.querySelectorAll("textarea")).toHaveLength(1); // only the second has no result yet
  expect(
    [...root.querySelectorAll("button")].find((button) => button.textContent === "Send the results")?.disabled,
  ).toBe(true);
});

function head(served: ServedModel, chosen: string | null): void {
  const nothing = () => undefined;
  act(() =>
    render(
      <Head
        chat={sampleChat("c", { title: "Colours" })}
        models={[served]}
        model={served}
        chosen={chosen}
        listIsOpen={false}
        onModel={nothing}
        onSettings={nothing}
        onList={nothing}
      />,
      root,
    ),
  );
}

test("the model's state is told: loading with its progress, failed with its reason", () => {
  head(model({ state: "loading", progress: 0.5 }), null);
  expect(root.querySelector("option")?.textContent).toBe("m (loading)");
  expect(root.querySelector(".model-state")?.textContent).toBe("loading50 %");
  head(model({ state: "unloaded" }), null);
  expect(root.querySelector("option")?.textContent).toBe("m (loads when asked)");
  expect(root.querySelector("option")?.disabled).toBe(false);
  head(model({ state: "failed", detail: "out of memory" }), null);
  expect(root.querySelector(".model-state")?.textContent).toBe("failedout of memory");
});

test("a chosen model that is not served is told", () => {
  serve(model());
  head(model(), "gone");
  expect(root.querySelector("select")?.title).toBe("gone is not served here now: m answers.");
});

test.each([
  [true, null, true],
  [false, null, false],
  [false, "low" as const, true], // set for another model
])(
  "thinking can be set for a model that thinks (%s), and is shown where it is set (%s)",
  (thinks, thinking, isShown) => {
    const nothing = () => undefined;
    HTMLDialogElement.prototype.showModal ??= nothing;
    const settings = { ...NO_SETTINGS, thinking };
    act(() =>
      render(
        <SettingsDialog title="t" settings={settings} thinks={thinks} onApply={nothing} onClose={nothing} />,
        root,
      ),
    );
    expect(shown().includes("Thinking")).toBe(isShown);
  },
);

test("without a model for chats the page says so", () => {
  serve();
  act(() => render(<Welcome model={null} onExample={() => undefined} />, root));
  expect(shown()).toContain("This server has no model for chats.");
});
