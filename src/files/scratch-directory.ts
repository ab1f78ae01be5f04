import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../model/errors';

/**
 * Makes a directory for files of this process alone, which the caller removes: in TMPDIR, and in /tmp where TMPDIR names
 * no directory that can be written.
 *
 * @throws FleetError `temporary-directory` when neither can be written
 */
export function makeScratchDirectory(prefix: string, environment: NodeJS.ProcessEnv = process.env): string {
  const wanted = environment['TMPDIR'] || '/tmp';
  try {
    return mkdtempSync(join(wanted, prefix));
  } catch (cause) {
    try {
      return mkdtempSync(join('/tmp', prefix));
    } catch {
      throw new FleetError({
        code: 'temporary-directory',
        problem: `no temporary directory can be made: ${(cause as Error).message}`,
        place: wanted,
        value: environment['TMPDIR'] ?? null,
        remedy: 'have TMPDIR name a directory that this account can write',
        cause,
      });
    }
  }
}
