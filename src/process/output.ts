/** The last lines of a command's output that are not blank, in their order. */
export function lastLines(text: string, count: number): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count);
}

/** The last line of a command's output that is not blank, trimmed: mostly the one that names the failure. Empty for none. */
export function lastLine(text: string): string {
  return lastLines(text, 1)[0]?.trim() ?? '';
}
