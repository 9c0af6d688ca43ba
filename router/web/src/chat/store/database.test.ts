import "fake-indexeddb/auto";

import { afterEach, expect, test } from "vitest";

import { ChatDatabase } from "./database";
import { sampleAnswer, sampleChat, sampleQuestion } from "./samples";
import { search } from "./search";

let count = 0;
const opened: ChatDatabase[] = [];

/** Two tabs of one browser. */
async function twoTabs(): Promise<[ChatDatabase, ChatDatabase]> {
  const name = `chats-${++count}`;
  const tabs: [ChatDatabase, ChatDatabase] = [await ChatDatabase.open(name), await ChatDatabase.open(name)];
  opened.push(...tabs);
  return tabs;
}

afterEach(() => {
  for (const database of opened.splice(0)) database.close();
});

test("two tabs that change different things of a chat both keep their change", async () => {
  const [one, other] = await twoTabs();
  await one.add([sampleChat("c")], []);
  await Promise.all([
    one.changeChat("c", (chat) => ({ ...chat, title: "new" })),
    other.changeChat("c", (chat) => ({ ...chat, pinned: true })),
  ]);
  expect(await one.chat("c")).toMatchObject({ title: "new", pinned: true });
});

test("an answer that comes for a deleted chat does not bring it back", async () => {
  const [one, other] = await twoTabs();
  await one.add([sampleChat("c")], [sampleQuestion("q", null)]);
  await other.deleteChat("c");
  expect(await one.write("c", [sampleAnswer("a", "q")], (chat) => chat)).toBe(false);
  expect(await one.messages("c")).toEqual([]);
  expect(await one.chats()).toEqual([]);
});

test("deleting a chat leaves the messages of others", async () => {
  const [one] = await twoTabs();
  await one.add(
    [sampleChat("c"), sampleChat("d")],
    [sampleQuestion("q", null), sampleQuestion("r", null, { chat: "d" })],
  );
  await one.deleteChat("c");
  expect((await one.messages("d")).map((message) => message.id)).toEqual(["r"]);
});

test("answers that were streaming are found", async () => {
  const [one] = await twoTabs();
  const place = { jobId: "j", lastEventId: 7 };
  const messages = [sampleAnswer("a", null), sampleAnswer("b", null, { state: "streaming", place })];
  await one.add([sampleChat("c")], messages);
  expect((await one.streaming()).map((answer) => [answer.id, answer.place])).toEqual([["b", place]]);
});

test("search finds words of titles, texts and files, newest chat first", async () => {
  const [one] = await twoTabs();
  const file = { kind: "text" as const, name: "list.txt", text: "eggs and Crème fraîche" };
  await one.add(
    [
      sampleChat("c", { title: "Dinner", changed: 1 }),
      sampleChat("d", { title: "Crème", changed: 2 }),
      sampleChat("e"),
    ],
    [sampleQuestion("q", null, { text: "What can I cook?", files: [file] }), sampleAnswer("a", null, { chat: "e" })],
  );
  expect((await search(one, "creme")).map((found) => [found.chat.id, found.snippet])).toEqual([
    ["d", null],
    ["c", "… cook? list.txt eggs and Crème fraîche"],
  ]);
  expect((await search(one, "and"))[0]?.snippet).toBe("… I cook? list.txt eggs and Crème fraîche"); // no half word
  expect((await search(one, "eggs dinner")).map((found) => found.chat.id)).toEqual(["c"]);
  expect(await search(one, "creme lunch")).toEqual([]);
  expect(await search(one, "  ")).toEqual([]);
});
