import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findDefinition, readDefinition } from '../../../../src/cli/image/definitions';
import { temporaryDirectory } from '../../../support/temporary-directory';

const RENDERED = join(__dirname, '../../../../rendered/fleet/haskell/definition.json');

let project: string;

beforeEach(() => {
  project = temporaryDirectory();
});

/** Writes a definition as synth does. */
function described(place: string, changes: object = {}): string {
  const file = join(project, place, 'definition.json');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(RENDERED, 'utf8')), ...changes }));
  return file;
}

const find = (image?: string) => findDefinition(image, [project]);

/** The error that a call ends with. */
function errorOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

test('the only image need not be named; a copy of it is no second one', () => {
  described('rendered/fleet/haskell');
  described('cdktf.out/stacks/fleet/haskell');
  expect(find()).toMatchObject({ definition: { name: 'haskell' }, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

test('of several, the name or the begin of the hash chooses', () => {
  described('rendered/fleet/haskell');
  described('rendered/fleet/candidate', { name: 'candidate', timezone: 'UTC' });
  const { hash } = find('candidate');
  expect(find(hash.slice(0, 8)).definition.name).toBe('candidate');
  expect(find('haskell').assetsDirectory).toBe(join(project, 'rendered/fleet/haskell'));
  expect(errorOf(() => find())).toMatchObject({
    code: 'image-ambiguous',
    remedy: expect.stringMatching(/^use one of: .*candidate \([0-9a-f]{12}\)/),
  });
  // Too short to be told from a name.
  expect(errorOf(() => find(hash.slice(0, 4)))).toMatchObject({ code: 'image-unknown' });
});

test('what cannot be read or is built by Packer is passed over, and named when it is asked for', () => {
  expect(errorOf(() => find())).toMatchObject({
    code: 'image-unknown',
    remedy: expect.stringContaining('cdktf synth'),
  });
  writeFileSync(described('rendered/fleet/broken'), '{');
  const base = { kind: 'ubuntu', release: '24.04', architecture: 'amd64', builder: 'qemu', variables: {} };
  const iso = { urls: ['https://releases.example/ubuntu.iso'], sha256: '0'.repeat(64) };
  const ubuntu = described('rendered/laptops/ubuntu', { name: 'ubuntu', base: { ...base, iso } });
  described('rendered/fleet/haskell');
  expect(find().definition.name).toBe('haskell');
  expect(errorOf(() => readDefinition(ubuntu))).toMatchObject({ code: 'image-not-debian' });
  expect(errorOf(() => readDefinition(join(project, 'rendered/fleet/broken/definition.json')))).toMatchObject({
    code: 'image-unknown',
  });
});
