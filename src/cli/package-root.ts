import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Path of something in the checkout, from the sources as from the bundle in dist/. */
export function inCheckout(...parts: string[]): string {
  let directory = __dirname;
  while (!existsSync(join(directory, 'package-lock.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`${__dirname} is not part of a checkout of buildfleet`);
    directory = parent;
  }
  return join(directory, ...parts);
}
