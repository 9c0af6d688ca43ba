/** The URL of a path of the server, which may be below a path of a reverse proxy. */
export function urlOf(path: string): string {
  return new URL(path, new URL(".", document.baseURI)).href;
}

/** A name as a part of a path. Names of models and workers have slashes, which stay. */
export function pathOf(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
