import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directories: string[] = [];

/**
 * A new directory that is removed after all tests of the file, before what its own `afterAll` at the top level does: a
 * program that uses the directory is ended in a hook of a `describe`.
 *
 * @param prefix of the directory's name, short because unix sockets have no more than 107 bytes
 */
export function temporaryDirectory(prefix = 'bf-'): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  directories.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
