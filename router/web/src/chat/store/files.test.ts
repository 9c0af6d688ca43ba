import { expect, test } from "vitest";

import { checkedImport, ImportError } from "./checked";
import { exportedJson, exportedMarkdown } from "./exported";
import { sampleAnswer, sampleChat, sampleQuestion } from "./samples";
import { branch } from "./tree";
import { type Message, NO_SETTINGS } from "./types";

const NOW = 1_800_000_000_000;
const PICTURE = "data:image/png;base64,iVBORw0KGgo=";

function whole() {
  const chat = sampleChat("c", {
    title: "Colours",
    model: "smollm2",
    settings: { ...NO_SETTINGS, system: "Be brief.", temperature: 0.5, thinking: "low" },
    tip: "a",
  });
  const messages = [
    sampleQuestion("q", null, {
      files: [
        { kind: "text", name: "x.py", text: "a = 1" },
        { kind: "image", name: "p", url: PICTURE },
        { kind: "audio", name: "r.webm", url: "data:audio/webm;base64,AA==" },
      ],
    }),
    sampleAnswer("a", "q", {
      text: "Red.",
      thought: "Hm.\nWhich?",
      calls: [{ id: "1", name: "f", args: '{"a":1}', result: "2" }],
      usage: { prompt: 5, cached: 1, answer: 2, thought: 1 },
      times: { sent: 1, first: 2, last: 3, thoughtFrom: 2, thoughtTo: 3, pieces: 4, gap: false },
    }),
    sampleAnswer("b", "q", { text: "Blue.", state: "streaming", place: { jobId: "j", lastEventId: 1 } }),
  ];
  return { chat, messages };
}

/** The exported file, with other values at some paths such as `chats.0.title`. */
function changed(values: Readonly<Record<string, unknown>>): string {
  const file: unknown = JSON.parse(exportedJson([whole()]));
  for (const [path, value] of Object.entries(values)) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    const owner = names.reduce((at, name) => at[name] as Fields, file as Fields);
    owner[last] = value;
  }
  return JSON.stringify(file);
}

type Fields = Record<string, unknown>;

test("what was exported is the same when it is read, under new ids", () => {
  const { chat, messages } = whole();
  const read = checkedImport(exportedJson([{ chat, messages }]), NOW);
  const [found] = read.chats;
  expect(found).toEqual({ ...chat, id: found?.id, tip: found?.tip });
  expect(found?.id).not.toBe("c");
  const shown = branch(new Map(read.messages.map((message) => [message.id, message])), found?.tip ?? null);
  const bare = (all: readonly Message[]) => all.map(({ id: _id, chat: _chat, parent: _parent, ...rest }) => rest);
  expect(bare(shown)).toEqual(bare(messages.slice(0, 2)));
});

test("a stream of another browser is not resumed", () => {
  const read = checkedImport(exportedJson([whole()]), NOW);
  expect(read.messages[2]).toMatchObject({ text: "Blue.", state: "interrupted", place: null });
});

test.each<[string, string, unknown, string]>([
  ["another format", "format", "x", "format: expected nexa-chats"],
  ["a newer version", "version", 2, "version: expected 1"],
  ["no list", "chats", {}, "chats: expected a list"],
  ["a text that is none", "chats.0.messages.0.text", { a: 1 }, "chats.0.messages.0.text: expected a text"],
  ["an unknown role", "chats.0.messages.0.role", "system", "chats.0.messages.0.role: expected user or assistant"],
  [
    "a parent that is not there",
    "chats.0.messages.1.parent",
    "z",
    "chats.0.messages.1.parent: expected a message of the same chat",
  ],
  ["a circle", "chats.0.messages.0.parent", "a", "chats.0.messages: expected a tree, got a circle"],
  ["the same id twice", "chats.0.messages.1.id", "q", "chats.0.messages.1.id: expected one that no other has"],
  [
    "a script as a picture",
    "chats.0.messages.0.files.1.url",
    "javascript:alert(1)",
    "chats.0.messages.0.files.1: expected a text, a picture or a recording",
  ],
  [
    "SVG as a picture",
    "chats.0.messages.0.files.1.url",
    "data:image/svg+xml;base64,PHN2Zz4=",
    "chats.0.messages.0.files.1: expected a text, a picture or a recording",
  ],
  [
    "a web page as a recording",
    "chats.0.messages.0.files.2.url",
    "data:text/html;base64,PGI+",
    "chats.0.messages.0.files.2: expected a text, a picture or a recording",
  ],
  [
    "an unknown state",
    "chats.0.messages.1.state",
    "x",
    "chats.0.messages.1.state: expected one of streaming, done, stopped, failed, interrupted",
  ],
])("a file with %s is refused", (_, path, value, message) => {
  expect(() => checkedImport(changed({ [path]: value }), NOW)).toThrow(new ImportError(message));
});

test("what is no JSON is refused", () => {
  expect(() => checkedImport("<html>", NOW)).toThrow(new ImportError("file: expected JSON"));
  expect(() => checkedImport("[]", NOW)).toThrow(new ImportError("file: expected an object"));
});

test("settings and times that cannot be are left out", () => {
  const text = changed({
    "chats.0.settings": { temperature: 99, topP: "1", maxTokens: 1.5, seed: -3, thinking: "x", system: 4 },
    "chats.0.changed": NOW * 2,
    "chats.0.title": `a\n${"b".repeat(500)}`,
    "chats.0.messages.1.usage": { prompt: "many" },
  });
  const read = checkedImport(text, NOW);
  expect(read.chats[0]).toMatchObject({ settings: NO_SETTINGS, changed: NOW });
  expect(read.chats[0]?.title.length).toBeLessThan(70);
  expect(read.messages[1]).toMatchObject({ usage: null });
});

test("Markdown has the branch that is shown", () => {
  const { chat, messages } = whole();
  const text = exportedMarkdown(chat, new Map(messages.map((message) => [message.id, message])), {
    you: "You",
    thought: "Thought",
  });
  expect(text).toBe(
    "# Colours\n\n## You\n\nx.py:\n```py\na = 1\n```\n\n[p]\n\n[r.webm]\n\nq\n\n## m\n\n> **Thought**\n>\n> Hm.\n> Which?\n\nRed.\n\n" +
      'f:\n```\n{"a":1}\n→ 2\n```\n',
  );
});
