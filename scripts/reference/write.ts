import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referencePages } from './pages';

// Writes docs/reference/; `make render` runs it, and a test fails when the pages are stale.
const directory = join(__dirname, '../../docs/reference');
mkdirSync(directory, { recursive: true });
for (const [name, page] of referencePages()) writeFileSync(join(directory, name), page);
