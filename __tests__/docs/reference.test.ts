import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { referencePages } from '../../scripts/reference/pages';

const DIRECTORY = join(__dirname, '../../docs/reference');

test('docs/reference/ is what shapes and schemas say; `make render` writes it', () => {
  const committed = new Map(
    readdirSync(DIRECTORY)
      .sort()
      .map((name) => [name, readFileSync(join(DIRECTORY, name), 'utf8')]),
  );

  expect(committed).toEqual(referencePages());
});
