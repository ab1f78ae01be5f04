import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Run } from '../../process/run';

/** Where the parts of a build work that run as somebody else, in a user namespace. */
export interface Stage {
  readonly directory: string;
  /** mmdebstrap unpacks the system below it. */
  readonly temporary: string;
  /**
   * Takes what the hooks make. They run as a user without a name and may write here, so the path is a secret of this
   * build until {@link closeOut}: it must not appear in an argv.
   */
  readonly out: string;
}

const NOTE = 'stage-path';
const FAR_STAGE = '/var/tmp/buildfleet-image-';

/**
 * Makes a stage in the work directory or, if others cannot enter that (a home directory), below /var/tmp. Then its path
 * is noted in the work directory, for {@link removeWorkDirectory}.
 */
export function makeStage(workDirectory: string): Stage {
  const directory = isOpenToBuilder(workDirectory) ? join(workDirectory, 'stage') : mkdtempSync(FAR_STAGE);
  if (directory.startsWith(FAR_STAGE)) writeFileSync(join(workDirectory, NOTE), directory);
  else mkdirSync(directory);
  // Entered, but not listed, by others.
  chmodSync(directory, 0o711);
  return {
    directory,
    temporary: makeDirectory(join(directory, 'tmp'), 0o755),
    out: makeDirectory(join(directory, randomBytes(16).toString('hex')), 0o777),
  };
}

function makeDirectory(path: string, mode: number): string {
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

// Root needs no user namespace, and is kept out nowhere.
function isOpenToBuilder(path: string): boolean {
  if (process.getuid?.() === 0) return true;
  return (statSync(path).mode & 0o001) !== 0 && (path === dirname(path) || isOpenToBuilder(dirname(path)));
}

/** Ends the time in which hooks write; nobody else can from now on. */
export function closeOut(stage: Stage): void {
  chmodSync(stage.out, 0o700);
}

/** Removes a stage with everything in it. */
export async function removeStage(directory: string, run: Run): Promise<void> {
  // A build that was killed leaves files of its user namespace's users, which only such a user can remove.
  const temporary = join(directory, 'tmp');
  const left = existsSync(temporary) ? readdirSync(temporary).map((name) => join(temporary, name)) : [];
  if (process.getuid?.() !== 0 && left.length > 0) await run('mmdebstrap', ['--unshare-helper', 'rm', '-rf', ...left]);
  rmSync(directory, { recursive: true, force: true });
}

/** Removes a work directory, a finished or an abandoned one, and its stage wherever that is. */
export async function removeWorkDirectory(workDirectory: string, run: Run): Promise<void> {
  const note = join(workDirectory, NOTE);
  const far = existsSync(note) ? readFileSync(note, 'utf8') : '';
  if (far.startsWith(FAR_STAGE) && /^[A-Za-z0-9]+$/.test(far.slice(FAR_STAGE.length))) await removeStage(far, run);
  await removeStage(join(workDirectory, 'stage'), run);
  rmSync(workDirectory, { recursive: true, force: true });
}
