/** Which device and browser this is, as far as the browser says: it only chooses what is unfolded first. */

export const DEVICES = ["ios", "android", "windows", "macos", "linux", "firefox"] as const;
export type Device = (typeof DEVICES)[number];

export function deviceOf({
  userAgent,
  maxTouchPoints,
}: Pick<Navigator, "userAgent" | "maxTouchPoints">): Device | null {
  const isMac = userAgent.includes("Macintosh");
  if (/iPhone|iPad|iPod/.test(userAgent) || (isMac && maxTouchPoints > 1)) return "ios";
  if (userAgent.includes("Firefox/")) return "firefox";
  if (userAgent.includes("Android")) return "android";
  if (userAgent.includes("Windows")) return "windows";
  if (isMac) return "macos";
  return userAgent.includes("Linux") || userAgent.includes("CrOS") ? "linux" : null;
}
