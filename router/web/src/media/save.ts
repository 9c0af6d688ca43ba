/** Gives a file to the user, who keeps it where their browser keeps downloads. */
export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // some browsers read it only after a question to the user
}

/** `text` as a part of a file's name: letters, digits and dashes, at most `length` of them. */
export function fileName(text: string, length = 40): string {
  const name = text
    .normalize("NFC")
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .slice(0, length)
    .replace(/^-+|-+$/g, "");
  return name === "" ? "nexa" : name;
}
