/** Whether what stands between two dollars is about money: `$5 and $10`, `$5 (or 5$)`. */
export function looksLikeMoney(between: string): boolean {
  if (!/^[\d.,]*\d/.test(between)) return false;
  const words = between.replace(/\\(?:text|mathrm|operatorname)\{[^{}]*\}|\\[A-Za-z]+/g, " ");
  return /[A-Za-z]{2,}|^[\d.,]+\s*[-–—,;:]\s*$|[?!;]/.test(words);
}
