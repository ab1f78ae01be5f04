import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Trouble } from '../../../../src/cli/work/trouble';
import type { LoadedFleet } from '../../../../src/cli/fleet-file';
import type { FleetVm } from '../../../../src/model/fleet';
import { FleetPaths } from '../../../../src/model/paths';
import { temporaryDirectory } from '../../../support/temporary-directory';

const loaded = { paths: new FleetPaths('/state') } as LoadedFleet;
const [alpha, beta] = ['alpha', 'beta'].map((id) => ({ id, name: `haskell-build-${id}` }) as FleetVm) as [
  FleetVm,
  FleetVm,
];

let directory: string;
let now = 1_000_000;
const trouble = () => new Trouble(loaded, { XDG_RUNTIME_DIR: directory }, () => now);

beforeEach(() => {
  directory = temporaryDirectory();
  chmodSync(directory, 0o700);
});

test('a VM that was lost is left alone for a minute, and counts as lost for ten', () => {
  trouble().rememberLost(alpha, 'no answer');
  now += 59_000;
  expect(trouble().dead(alpha)).toBe('no answer (59 s ago)');
  expect(trouble().dead(beta)).toBeUndefined();
  now += 2000;
  expect(trouble().dead(alpha)).toBeUndefined();
  expect(trouble().recentFailures(alpha)).toBe(1);
  now += 600_000;
  expect(trouble().recentFailures(alpha)).toBe(0);
});

test('one that did not answer in time is left alone, and was not lost', () => {
  trouble().remember(alpha, 'no answer within 1 s');
  expect(trouble().dead(alpha)).toBe('no answer within 1 s (0 s ago)');
  expect(trouble().recentFailures(alpha)).toBe(0);
});

test('one that has answered since is asked again', () => {
  trouble().remember(alpha, 'no answer');
  trouble().forgive(alpha);
  expect(trouble().dead(alpha)).toBeUndefined();
});

test.each(['', 'no JSON', 'null', '{}', '[null, 1, {}]', '[{"vm":"haskell-build-alpha","at":"x"}]'])(
  'damaged records are left out: %j',
  (text) => {
    trouble().rememberLost(alpha, 'no answer');
    const [file = ''] = readdirSync(join(directory, 'buildfleet'));
    writeFileSync(join(directory, 'buildfleet', file), text);
    expect(trouble().recentFailures(alpha)).toBe(0);
    trouble().rememberLost(alpha, 'no answer');
    expect(trouble().recentFailures(alpha)).toBe(1);
  },
);
