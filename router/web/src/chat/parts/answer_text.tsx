/** The text of an answer. */
export function AnswerText({ text }: { readonly text: string; readonly streaming: boolean }) {
  return <div class="plain-text">{text}</div>;
}
