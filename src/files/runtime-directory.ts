import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { STATE_HOME } from '../model/defaults';
import { FleetError } from '../model/errors';
import { expandHome } from '../model/paths';
import { claimName } from './claim-name';
import { makeDirectories, removeEmptyDirectory } from './directories';

/** Bytes of a path that leave room for the names of sockets below it: the kernel allows 107, ssh adds 17 to its own. */
const LONGEST = 70;

/**
 * Directory for sockets and for what is worth remembering until the next boot: of this account alone, and with a short
 * path. Made when absent: in XDG_RUNTIME_DIR, else in the state directory. Where both are missing or their paths are too
 * long, it lies in /tmp under a name that cannot be guessed, and a link in the state directory leads to it; where that
 * cannot be written, under a name with the account's id. A directory that is another account's is passed over.
 *
 * @throws FleetError `runtime-directory` when none of them can be made
 */
export function runtimeDirectory(environment: NodeJS.ProcessEnv): string {
  const session = environment['XDG_RUNTIME_DIR'];
  const ofState = stateDirectory(environment);
  const inSession = session !== undefined && isOwn(session) ? join(session, 'buildfleet') : undefined;
  for (const directory of [inSession, ofState]) {
    if (directory !== undefined && isShortEnough(directory) && makeOwn(directory)) return directory;
  }
  try {
    return linked(ofState);
  } catch (cause) {
    // The state directory cannot be written. The name can be guessed, and a directory of another account is no use.
    const shared = `/tmp/buildfleet-${process.getuid?.() ?? 0}`;
    if (makeOwn(shared)) return shared;
    throw new FleetError({
      code: 'runtime-directory',
      problem: `no directory for connections can be made: ${(cause as Error).message}`,
      place: ofState,
      remedy: 'make it writable for this account, or have XDG_RUNTIME_DIR name a directory of this account alone',
      cause,
    });
  }
}

/** Whether the paths of sockets below a directory are not too long for the kernel. */
export function isShortEnough(directory: string): boolean {
  return Buffer.byteLength(directory) <= LONGEST;
}

/**
 * Removes notes that commands have left, which are worthless to a fleet that is gone and cost other fleets a moment to make
 * again, and the directory where it is empty. Sockets stay: a process has each of them.
 */
export function removeRuntimeNotes(environment: NodeJS.ProcessEnv): void {
  const directory = stateDirectory(environment);
  for (const name of isOwn(directory) ? readdirSync(directory) : []) {
    if (lstatSync(join(directory, name), { throwIfNoEntry: false })?.isFile() === true)
      unlinkSync(join(directory, name));
  }
  removeUnusedRuntimeDirectory(environment);
}

/** Removes the directory in the state directory, and that one, where nothing is in them. */
export function removeUnusedRuntimeDirectory(environment: NodeJS.ProcessEnv): void {
  const directory = stateDirectory(environment);
  removeEmptyDirectory(directory);
  removeEmptyDirectory(dirname(directory));
}

/** A directory for the sockets of this process; its name tells the process. @param parent the runtime directory, or another */
export function makeSocketDirectory(parent: string): string {
  return mkdtempSync(join(parent, `${SOCKETS}${process.pid}-`));
}

/** Removes a directory of {@link makeSocketDirectory}, and those of processes that were killed before they could. */
export function removeSocketDirectory(own: string): void {
  removeSockets(own);
  const parent = dirname(own);
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(SOCKETS) ? /^(\d+)-\w+$/.exec(name.slice(SOCKETS.length))?.[1] : undefined;
    if (pid !== undefined && !isRunning(pid)) removeSockets(join(parent, name));
  }
}

const SOCKETS = 'sockets-';

/** By unlink and rmdir, never recursively: what is no socket of a directory of this account stays, and so does that. */
function removeSockets(directory: string): void {
  if (!isOwn(directory)) return;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path, { force: true });
  }
  removeEmptyDirectory(directory);
}

function isRunning(pid: string): boolean {
  return lstatSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined;
}

function stateDirectory(environment: NodeJS.ProcessEnv): string {
  return join(expandHome(STATE_HOME, environment['HOME'] || homedir()), '.run');
}

/** Whether it is a directory of this account alone now, and can be written. */
function makeOwn(directory: string): boolean {
  try {
    makeDirectories(directory, 0o700);
    accessSync(directory, constants.W_OK);
    if (isOfThisAccount(directory)) chmodSync(directory, 0o700);
    return isOwn(directory);
  } catch {
    return false;
  }
}

/** The directory that a link leads to, which is made with it. After a boot the link leads nowhere, and is made again. */
function linked(link: string): string {
  const known = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(link) : undefined;
  if (known !== undefined && isOwn(known)) return known;
  const directory = mkdtempSync('/tmp/buildfleet-');
  const temporary = `${link}.${claimName()}`;
  try {
    makeDirectories(dirname(link), 0o700);
    symlinkSync(directory, temporary);
    renameSync(temporary, link);
  } catch (error) {
    rmSync(temporary, { force: true });
    rmdirSync(directory);
    throw error;
  }
  return directory;
}

/** A real directory of this account that no other can enter: a socket in it lets in to the VMs. */
function isOwn(directory: string): boolean {
  return isOfThisAccount(directory) && (lstatSync(directory).mode & 0o077) === 0;
}

function isOfThisAccount(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.();
}
