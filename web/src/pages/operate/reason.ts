/** "retries_exhausted: temporary 20503 …": the code in words; the rest stands below it. */
export function reasonText(reason: string, words: Record<string, string>): string {
  const code = reason.split(':')[0] ?? reason;
  return words[code] ?? reason;
}
