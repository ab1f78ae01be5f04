/**
 * Arguments of `setpriv` for a command that the kernel ends when this process ends, also by a kill: there would be no
 * process left to wait for it.
 */
export function endingWithUs(file: string, ...args: readonly string[]): string[] {
  return ['--pdeathsig', 'TERM', file, ...args];
}
