import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ASSETS, readAsset } from '../../../src/rendering/assets';
import { temporaryDirectory } from '../../support/temporary-directory';

test('line ends of Windows are read as those of Linux, and nothing else changes', () => {
  const file = join(temporaryDirectory(), 'script.sh');
  writeFileSync(file, '#!/bin/sh\r\nprintf "a\rb"\r\n');
  expect(readAsset(relative(ASSETS, file))).toBe('#!/bin/sh\nprintf "a\rb"\n');
});
