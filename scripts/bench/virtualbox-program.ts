import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { VBOXMANAGE } from '../../__tests__/support/virtualbox-home';
import { run } from '../../src/process/run';

const REPOSITORY = join(__dirname, '../..');

/** Power state that the program of {@link installProgram} reports of VMs that are off. */
export type PowerReport = 'as it is' | 'running';

/** Makes the VBoxManage of the acceptance tests, which takes its time once. @returns its version */
export async function requireVirtualBox(signal: AbortSignal): Promise<string> {
  await run(join(REPOSITORY, 'scripts/virtualbox-chroot.sh'), [], { signal });
  const { stdout } = await run(VBOXMANAGE, ['--version'], { signal });
  return /^\d+\.\d+\.\d+/m.exec(stdout)?.[0] ?? stdout.trim();
}

/**
 * Puts a program VBoxManage into the directory, for a `PATH`. It is the one of the acceptance tests, without Debian's
 * start script, and says that it is a 7.0, the newest that Debian's Vagrant talks to.
 *
 * @param power `running` where a VM must need nothing on a machine that can start none: the one word is replaced
 */
export function installProgram(directory: string, power: PowerReport): void {
  const edits = ['1s/^7\\.[0-9]+\\.([0-9]+_)/7.0.\\1/'];
  if (power === 'running') {
    edits.push('s/^VMState="poweroff"/VMState="running"/', 's/^(State: +)powered off \\(/\\1running (/');
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'VBoxManage'),
    `#!/bin/bash
set -o pipefail
[ "$(id -u)" -eq 0 ] && root= || root=--map-root-user
program='mount --bind "$0" /usr && exec /usr/lib/virtualbox/VBoxManage "$@"'
unshare $root --mount sh -c "$program" '${dirname(VBOXMANAGE)}/usr' "$@" | sed -E ${edits.map((edit) => `-e '${edit}'`).join(' ')}
`,
    { mode: 0o755 },
  );
}
