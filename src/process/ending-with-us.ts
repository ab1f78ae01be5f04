/**
 * Arguments of `setpriv` for a command that the kernel ends when this process ends, however that happens. Nobody would
 * be left to wait for it.
 */
export function endingWithUs(file: string, ...args: readonly string[]): string[] {
  return ['--pdeathsig', 'TERM', file, ...args];
}
