import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';
import { IGNORE_FILE } from './ignore-rules';

/** No such file that a person writes is larger. */
const LARGEST = 256 * 1024;

/**
 * Content of a project's {@link IGNORE_FILE}, empty where there is none. Its lines become known to the machine, so it is
 * not read through a link.
 *
 * @throws FleetError `ignore-file-refused`
 */
export function readIgnoreFile(root: string): string {
  const place = join(root, IGNORE_FILE);
  const refused = (problem: string, cause?: unknown) =>
    new FleetError({ code: 'ignore-file-refused', problem, place, remedy: 'make it a file of some lines', cause });
  let file: number;
  try {
    file = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    throw refused(code === 'ELOOP' ? 'this is a symbolic link' : `this cannot be read (${code})`, error);
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw refused('this is not a file');
    if (status.size > LARGEST) throw refused(`this is larger than ${LARGEST / 1024} KiB`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
