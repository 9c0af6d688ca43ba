/** URLs of blobs for `src`: one for each blob, until it is released. */
const urls = new Map<Blob, string>();

export function urlOfBlob(blob: Blob): string {
  let url = urls.get(blob);
  if (url === undefined) {
    url = URL.createObjectURL(blob);
    urls.set(blob, url);
  }
  return url;
}

export function releaseUrl(blob: Blob): void {
  const url = urls.get(blob);
  if (url !== undefined) URL.revokeObjectURL(url);
  urls.delete(blob);
}

export function blobOfBase64(base64: string, type: string): Blob {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return new Blob([bytes], { type });
}
