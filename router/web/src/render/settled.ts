/**
 * The part of a text that is still being written whose meaning does not hang on the next characters.
 *
 * A line of three backquotes opens code once the line is complete; until then it would be seen as text for a moment.
 */
export function settled(text: string): string {
  const start = text.lastIndexOf("\n") + 1;
  const last = text.slice(start);
  if (isMarker(last)) return text.slice(0, start);
  const table = startOfTable(text, start);
  if (table >= 0) return text.slice(0, table);
  return text.replace(/[\\$`*_~[!]{1,3}$/, "");
}

/** A line that may become a rule, an item of a list, a heading, a quotation, a fence of code or a formula's. */
function isMarker(line: string): boolean {
  if (line.length > 200 || line.trim() === "") return false;
  return /^[ \t>]*(?:[-=*+_#`~$\\]+|\d{1,3}[.)]?)[ \t]*$|^[ \t>]*(?:`{3,}[^`]*|~{3,}[^~]*)$/.test(line);
}

/** Where a table begins whose second line, which makes it one, is not complete; -1 if none. */
function startOfTable(text: string, lastStart: number): number {
  const last = text.slice(lastStart);
  if (last.startsWith("|") && isAlone(text, lastStart)) return lastStart;
  if (!/^[|:\- \t]*$/.test(last)) return -1;
  const headStart = text.lastIndexOf("\n", lastStart - 2) + 1;
  return lastStart > 0 && text.startsWith("|", headStart) && isAlone(text, headStart) ? headStart : -1;
}

/** Whether nothing stands on the line before. */
function isAlone(text: string, start: number): boolean {
  return start === 0 || text[start - 2] === "\n" || start === 1;
}
