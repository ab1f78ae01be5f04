import { mkdirSync, rmdirSync } from 'node:fs';

/** Compiled into sshd, which insists on it when it runs as root; a machine whose own sshd never ran has none. */
const DIRECTORY = '/run/sshd';

let made: string | undefined;

/** Before the first suite: one suite that takes the directory away again would disturb the others. */
export default function makePrivilegeSeparationDirectory(): void {
  if (process.getuid?.() === 0) made = mkdirSync(DIRECTORY, { recursive: true, mode: 0o755 });
}

/** After the last suite. */
export function removePrivilegeSeparationDirectory(): void {
  if (made !== undefined) rmdirSync(DIRECTORY);
}
