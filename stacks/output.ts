import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RenderedFile } from '../constructs/private/rendered-file';

/**
 * Writes rendered files with permissions that do not depend on the umask, leaves equal ones alone, and removes what an
 * earlier run has left where rendered files lie.
 *
 * @param owned `'all'` of the directory holds rendered files only, or its `'subdirectories'` with rendered files do
 */
export function writeFiles(directory: string, files: readonly RenderedFile[], owned: 'all' | 'subdirectories'): void {
  const paths = new Set(files.map((file) => file.path));
  const subdirectories = new Set(
    files.filter(({ path }) => path.includes('/')).map(({ path }) => path.split('/')[0] ?? ''),
  );
  for (const top of owned === 'all' ? [''] : subdirectories) {
    for (const path of filesBelow(directory, top)) {
      if (!paths.has(path)) removeWithEmptyParents(directory, path);
    }
  }
  for (const { path, content, executable } of files) {
    const target = join(directory, path);
    mkdirSync(dirname(target), { recursive: true });
    if (!holds(target, content)) writeFileSync(target, content);
    chmodSync(target, executable === true ? 0o755 : 0o644);
  }
}

function filesBelow(directory: string, top: string): string[] {
  try {
    return readdirSync(join(directory, top), { recursive: true, encoding: 'utf8' })
      .map((path) => join(top, path))
      .filter((path) => !statSync(join(directory, path)).isDirectory());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function removeWithEmptyParents(directory: string, path: string): void {
  rmSync(join(directory, path));
  for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
    if (readdirSync(join(directory, parent)).length > 0) return;
    rmSync(join(directory, parent), { recursive: true });
  }
}

function holds(path: string, content: string): boolean {
  try {
    return readFileSync(path, 'utf8') === content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
