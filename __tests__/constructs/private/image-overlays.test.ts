import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HaskellBuildImage } from '../../../constructs/haskell-build-image';
import type { ImageOverlay } from '../../../constructs/private/image-overlays';
import { parseImageDefinition } from '../../../src/model/image-definition';
import { temporaryDirectory } from '../../support/temporary-directory';
import { TestFleet } from '../../support/test-fleet';

const MOTD = { target: '/etc/motd', file: 'overlays/motd' };
const CABAL = { target: "/etc/cabal config/it's $HOME", file: 'overlays/cabal', mode: '640' };

/** A project with the files of {@link MOTD} and {@link CABAL}. */
function project(): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'overlays'));
  writeFileSync(join(directory, 'overlays/motd'), 'welcome\n');
  writeFileSync(join(directory, 'overlays/cabal'), 'jobs: 2\n');
  return directory;
}

function declare(kind: 'debian' | 'ubuntu', overlays: readonly ImageOverlay[], directory = project()) {
  const fleet = new TestFleet({ directory });
  const image = HaskellBuildImage[kind](fleet.stack, 'image', { overlays });
  return { fleet, image };
}

function rendered(kind: 'debian' | 'ubuntu', overlays: readonly ImageOverlay[]) {
  const { fleet, image } = declare(kind, overlays);
  fleet.app.render();
  const definition = parseImageDefinition(JSON.parse(fleet.rendered('image/definition.json')));
  return { fleet, image, definition };
}

test.each(['debian', 'ubuntu'] as const)(
  '%s: an overlay is declared, hashed and lies beside the definition',
  (kind) => {
    const { fleet, image, definition } = rendered(kind, [MOTD, CABAL]);
    const shown = definition.overlays.map(({ target, mode, path }) => ({
      target,
      mode,
      text: fleet.rendered(`image/${path}`),
    }));
    expect(shown).toEqual([
      { target: '/etc/motd', mode: '0644', text: 'welcome\n' },
      { target: CABAL.target, mode: '0640', text: 'jobs: 2\n' },
    ]);
    const hash = (...overlays: ImageOverlay[]) => declare(kind, overlays).image.definitionHash;
    expect(hash(MOTD, { ...CABAL, mode: '0640' })).toBe(image.definitionHash);
    const others = [hash(), hash(MOTD), hash(CABAL, MOTD), hash(MOTD, { ...CABAL, mode: '600' })];
    expect(new Set([image.definitionHash, ...others]).size).toBe(5);
  },
);

test('the template puts them where they belong before the image is generalized', () => {
  const { fleet } = rendered('ubuntu', [MOTD, CABAL]);
  const template = fleet.rendered('image/haskell-build.pkr.hcl');
  const order = ['install-agent.sh', '"${path.root}/overlays"', 'install -D', 'generalize.sh'];
  const places = order.map((part) => template.lastIndexOf(part));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places).not.toContain(-1);

  const lines = [...template.matchAll(/^ *"(install -D .*)",?$/gm)].map(
    ([, text = '']) => JSON.parse(`"${text}"`) as string,
  );
  const argv = execFileSync('sh', ['-euc', `install() { printf '%s\\n' "$@"; }\n${lines.join('\n')}`], {
    encoding: 'utf8',
  });
  expect(argv.split('\n').slice(0, -1)).toEqual([
    ...['-D', '-m', '0644', '/tmp/buildfleet/overlays/etc/motd', MOTD.target],
    ...['-D', '-m', '0640', `/tmp/buildfleet/overlays${CABAL.target}`, CABAL.target],
  ]);
});

test.each<[string, readonly ImageOverlay[], RegExp]>([
  ['a file that is missing', [{ ...MOTD, file: 'overlays/none' }], /cannot be read.*overlays\/none/],
  ['a directory', [{ ...MOTD, file: 'overlays' }], /no plain file/],
  ['a link', [{ ...MOTD, file: 'overlays/link' }], /no plain file/],
  ['a file elsewhere', [{ ...MOTD, file: '../motd' }], /must not contain a \.\.\/ step/],
  ['an absolute path', [{ ...MOTD, file: '/etc/passwd' }], /must lie in the project/],
  ['bytes that are no text', [{ ...MOTD, file: 'overlays/bytes' }], /no text in UTF-8/],
  ['a target that is no path', [{ ...MOTD, target: 'etc/motd' }], /plain (absolute|relative) path/],
  ['a target that climbs', [{ ...MOTD, target: '/etc/../root/x' }], /must not contain a \.\.\/ step/],
  ['the same target twice, letter case aside', [MOTD, { ...MOTD, target: '/etc/MOTD' }], /stands in it twice/],
  ['setuid', [{ ...MOTD, mode: '4755' }], /without setuid/],
])('%s is refused, with the construct that declares it', (_what, overlays, message) => {
  const directory = project();
  symlinkSync('motd', join(directory, 'overlays/link'));
  writeFileSync(join(directory, 'overlays/bytes'), Buffer.from([0xff, 0xfe]));
  const { fleet } = declare('debian', overlays, directory);
  expect(fleet.app.problems()).toEqual([expect.stringMatching(message)]);
  expect(fleet.app.problems()[0]).toContain('fleet/image');
});
