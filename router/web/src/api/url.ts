/** The URL of a path of the server, which may be below a path of a reverse proxy. */
export function urlOf(path: string): string {
  return new URL(path, new URL(".", document.baseURI)).href;
}
