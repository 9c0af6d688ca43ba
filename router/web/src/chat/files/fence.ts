/** A text file in a message: a fenced block under its name. */

/** The file as Markdown. Its fence is longer than any in the text, so that the text cannot end it. */
export function fenced(file: { readonly name: string; readonly text: string }): string {
  const longest = Math.max(2, ...Array.from(file.text.matchAll(/`{3,}/g), (found) => found[0].length));
  const fence = "`".repeat(longest + 1);
  const end = file.text.endsWith("\n") ? "" : "\n";
  return `${file.name}:\n${fence}${suffixOf(file.name)}\n${file.text}${end}${fence}`;
}

function suffixOf(name: string): string {
  return /\.([A-Za-z0-9]{1,10})$/.exec(name)?.[1]?.toLowerCase() ?? "";
}
