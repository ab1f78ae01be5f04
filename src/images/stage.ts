import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Run } from '../process/run';

/** Directories for the parts of a build that run as another account, in a user namespace. */
export interface Stage {
  readonly directory: string;
  /** mmdebstrap unpacks the system below it. */
  readonly temporary: string;
  /**
   * Receives the hooks' output. They run as a user without a name and may write here, so the path is a secret of this
   * build until {@link closeOut}: it must not appear in an argv.
   */
  readonly out: string;
}

/** Size of a stage while a system with the distribution's compilers is unpacked and its disk is written. */
export const STAGE_MIB = 4096;

const IN_MEMORY = '/dev/shm';
const ON_DISK = '/var/tmp';
/** File in the work directory that names a stage elsewhere. */
const NOTE = 'stage-path';
const ELSEWHERE = new RegExp(`^(${IN_MEMORY}|${ON_DISK})/buildfleet-image-[0-9a-f]{32}$`);

/**
 * Makes a stage: in memory where there is plenty, because dpkg syncs after every file; else in the work directory, or
 * below /var/tmp if others cannot enter that (a home directory). A stage elsewhere is noted in the work directory, for
 * {@link removeStage}.
 *
 * @param mib that the stage will take
 */
export function makeStage(workDirectory: string, mib: number): Stage {
  const base = isMemoryPlentiful(mib) ? IN_MEMORY : isOpenToBuilder(workDirectory) ? workDirectory : ON_DISK;
  const directory = base === workDirectory ? join(base, 'stage') : join(base, `buildfleet-image-${secret()}`);
  if (base !== workDirectory) writeFileSync(join(workDirectory, NOTE), directory);
  return {
    // Entered, but not listed, by others.
    directory: makeDirectory(directory, 0o711),
    temporary: makeDirectory(join(directory, 'tmp'), 0o755),
    out: makeDirectory(join(directory, secret()), 0o777),
  };
}

/**
 * Makes a directory for temporary files with a path so short that a socket fits in it (108 bytes); it is noted in the
 * work directory, for {@link removeStage}.
 */
export function makeTemporary(workDirectory: string): string {
  const directory = join(ON_DISK, `buildfleet-image-${secret()}`);
  writeFileSync(join(workDirectory, NOTE), directory);
  return makeDirectory(directory, 0o700);
}

function secret(): string {
  return randomBytes(16).toString('hex');
}

function makeDirectory(path: string, mode: number): string {
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

/** Half of what is available is left to other programs. */
function isMemoryPlentiful(mib: number): boolean {
  const mount = readFileSync('/proc/self/mounts', 'latin1')
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, directory]) => directory === IN_MEMORY);
  if (mount?.[2] !== 'tmpfs' || mount[3]?.split(',').some((option) => option === 'noexec' || option === 'ro') !== false)
    return false;
  const { bavail, bsize } = statfsSync(IN_MEMORY);
  return bavail * bsize >= mib * 2 ** 20 && process.availableMemory() >= 2 * mib * 2 ** 20;
}

// Root needs no user namespace, and may enter every directory.
function isOpenToBuilder(path: string): boolean {
  if (process.getuid?.() === 0) return true;
  return (statSync(path).mode & 0o001) !== 0 && (path === dirname(path) || isOpenToBuilder(dirname(path)));
}

/** Closes the stage for other accounts, once the hooks have written. */
export function closeOut(stage: Stage): void {
  chmodSync(stage.out, 0o700);
}

/** Removes the stage of a build, a finished or an abandoned one, wherever it is. */
export async function removeStage(workDirectory: string, run: Run): Promise<void> {
  const note = join(workDirectory, NOTE);
  const noted = existsSync(note) ? readFileSync(note, 'utf8') : '';
  for (const directory of [join(workDirectory, 'stage'), ...(ELSEWHERE.test(noted) ? [noted] : [])]) {
    // A build that was killed leaves files of its user namespace's users, which only such a user can remove.
    const temporary = join(directory, 'tmp');
    const left = existsSync(temporary) ? readdirSync(temporary).map((name) => join(temporary, name)) : [];
    if (process.getuid?.() !== 0 && left.length > 0)
      await run('mmdebstrap', ['--unshare-helper', 'rm', '-rf', ...left]);
    rmSync(directory, { recursive: true, force: true });
  }
  rmSync(note, { force: true });
}
