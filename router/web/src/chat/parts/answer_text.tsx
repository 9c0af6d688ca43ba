/** The text of an answer, or of a thought. */
import { Markdown } from "../../render/markdown";

export function AnswerText({ text, streaming }: { readonly text: string; readonly streaming: boolean }) {
  return <Markdown text={text} streaming={streaming} />;
}
