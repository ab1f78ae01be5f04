import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageOf } from '../../../../src/cli/status/image';
import type { Fleet, FleetVm } from '../../../../src/model/fleet';
import { temporaryDirectory } from '../../../support/temporary-directory';

const NOW = new Date('2024-05-20T12:00:00Z');
const vm = { image: 'haskell' } as FleetVm;
const fleet = { images: [{ id: 'haskell', definitionHash: 'new' }] } as Fleet;

let directory: string;
let imagePath: string;

beforeEach(() => {
  directory = temporaryDirectory();
  imagePath = join(directory, 'disk.qcow2');
  writeFileSync(imagePath, '');
  utimesSync(imagePath, new Date('2024-05-08T11:00:00Z'), new Date('2024-05-08T11:00:00Z'));
});

test.each([
  ['current', 'new', 12],
  ['outdated', 'old', 12],
  ['unknown', null, null],
])('%s', (state, imageHash, ageDays) => {
  expect(imageOf(fleet, vm, { imageHash, imagePath }, NOW)).toEqual({
    ...{ id: 'haskell', state, definitionHash: 'new', hash: imageHash, ageDays },
  });
});

test('an image that the cache has no more has no age', () => {
  const gone = { imageHash: 'old', imagePath: join(directory, 'gone') };
  expect(imageOf(fleet, vm, gone, NOW)).toMatchObject({ state: 'outdated', ageDays: null });
});

test('a VM that its hypervisor does not know has no image', () => {
  expect(imageOf(fleet, vm, null, NOW)).toMatchObject({ state: 'unknown', hash: null });
});
