import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resources } from '../provider/resources';
import { renderReference } from '../rendering/reference';

// Writes docs/reference/ from the resources' shapes; `make render` runs it, and a test fails when the pages are stale.
const directory = join(__dirname, '../docs/reference');
mkdirSync(directory, { recursive: true });
for (const [name, page] of renderReference(resources.map(({ shape }) => shape))) {
  writeFileSync(join(directory, name), page);
}
