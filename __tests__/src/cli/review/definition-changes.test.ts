import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { definitionChanges } from '../../../../src/cli/review/definition-changes';
import { definitionHash, type ImageDefinition, parseImageDefinition } from '../../../../src/model/image-definition';

const RENDERED = join(__dirname, '../../../../rendered/fleet/haskell/definition.json');
const definition = JSON.parse(readFileSync(RENDERED, 'utf8')) as ImageDefinition;

const overlay = (path: string, target: string, sha256 = 'a'.repeat(64), mode = '0644') => ({
  ...{ path, target, sha256, mode },
});

test('overlays: added, changed, moved, in another order', () => {
  const motd = overlay('overlays/motd', '/etc/motd');
  const profile = overlay('overlays/profile', '/etc/profile');
  const of = (overlays: readonly object[]) => ({ ...definition, overlays });
  expect(definitionChanges(of([]), of([motd]))).toEqual(['overlay overlays/motd added (/etc/motd in the image)']);
  expect(definitionChanges(of([motd, profile]), of([profile, motd]))).toEqual([
    'another order of overlays: overlays/profile, overlays/motd',
  ]);
  expect(definitionChanges(of([motd]), of([overlay('overlays/motd', '/etc/issue', 'b'.repeat(64), '0600')]))).toEqual([
    'overlay overlays/motd changes, gets another mode (0644 → 0600) and is installed elsewhere (/etc/motd → /etc/issue)',
  ]);
});

test('what a later version adds is told under its own name', () => {
  expect(definitionChanges(definition, { ...definition, kernel: { flavour: 'rt' } })).toEqual([
    'kernel.flavour none → rt',
  ]);
});

test('definitions differ in words exactly when their hashes do', () => {
  const change = fc.oneof(
    fc.constant({}),
    fc.record({ timezone: fc.constantFrom('Etc/UTC', 'Europe/Berlin') }),
    fc.record({ diskMib: fc.integer({ min: 4096, max: 8192 }) }),
    fc.record({ packages: fc.subarray(definition.packages.slice(0, 5), { minLength: 1 }) }),
    fc.record({ scripts: fc.shuffledSubarray(definition.scripts) }),
    fc.record({ overlays: fc.shuffledSubarray([overlay('a', '/a'), overlay('b', '/b', 'b'.repeat(64))]) }),
  );
  fc.assert(
    fc.property(change, change, (one, other) => {
      const [before, after] = [one, other].map((part) => parseImageDefinition({ ...definition, ...part }));
      const differs = definitionHash(before!) !== definitionHash(after!);
      expect(definitionChanges(before!, after!).length > 0).toBe(differs);
    }),
  );
});
