import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The directory of scripts, units and templates. */
export const ASSETS = join(__dirname, '../..', 'assets');

/**
 * Reads a file of `assets/`, which is synthesized as it is, apart from line ends of Windows: an editor or a copy of the
 * checkout may have given it those, and a Linux shell refuses them.
 *
 * @param path below `assets/`
 */
export function readAsset(...path: string[]): string {
  return readFileSync(join(ASSETS, ...path), 'utf8').replaceAll('\r\n', '\n');
}
