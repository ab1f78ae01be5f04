import { lstatSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';

/**
 * Directory for sockets and for records that last until the next boot: of this account alone, and with a short
 * path. Made when absent: in XDG_RUNTIME_DIR where there is one, else in /tmp.
 *
 * @throws FleetError `runtime-directory` when it belongs to another account, or is open to others
 */
export function runtimeDirectory(environment: NodeJS.ProcessEnv): string {
  const { uid } = userInfo();
  const session = environment['XDG_RUNTIME_DIR'];
  const directory =
    session !== undefined && isOwn(session, uid) ? join(session, 'buildfleet') : `/tmp/buildfleet-${uid}`;
  mkdirSync(directory, { mode: 0o700, recursive: true });
  if (!isOwn(directory, uid)) {
    throw new FleetError({
      code: 'runtime-directory',
      problem: 'the directory for connections does not belong to this account alone',
      place: directory,
      remedy: 'remove it, or have XDG_RUNTIME_DIR name a directory that only you can enter',
    });
  }
  return directory;
}

/** Whether it is a directory, no link, that only this account can enter: each socket in it gives access to a VM. */
function isOwn(directory: string, uid: number): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0;
}
