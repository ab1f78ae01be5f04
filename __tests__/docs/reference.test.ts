import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resources } from '../../provider/resources';
import { renderReference } from '../../rendering/reference';

const DIRECTORY = join(__dirname, '../../docs/reference');

test('docs/reference/ is what the shapes say; `make render` writes it', () => {
  const committed = new Map(
    readdirSync(DIRECTORY)
      .sort()
      .map((name) => [name, readFileSync(join(DIRECTORY, name), 'utf8')]),
  );

  expect(committed).toEqual(renderReference(resources.map(({ shape }) => shape)));
});
