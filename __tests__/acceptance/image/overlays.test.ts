import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ImageDefinition, parseImageDefinition } from '../../../src/model/image-definition';
import { stageAssets } from '../../../src/images/staged-assets';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { Chroot, CHROOT_TOOLS } from './support/chroot';

const RENDERED = join(__dirname, '../../../rendered/fleet/haskell');
const HOOK = join(RENDERED, 'debian/hooks/customize.sh');

jest.setTimeout(15 * 60_000);

/** The part of the builder's hook that installs overlays, by itself: all else of it takes a whole build. */
const APPLY = `set -euo pipefail
root=$1 stage=$2
in_image() { chroot "$root" "$@"; }
eval "$(sed -n '/^apply_overlays() {$/,/^}$/p' "$3")"
apply_overlays`;

/** By target: mode and content. */
const OVERLAYS: Readonly<Record<string, readonly [string, string]>> = {
  '/etc/debian_version': ['0644', 'replaced\n'],
  '/etc/sudoers.d/50 rules': ['0440', '# none\n'],
  '/lib/buildfleet/run': ['0755', '#!/bin/sh\necho ran\n'],
  '/root/.config/made/here': ['0600', 'private\n'],
};

describeWithTools(CHROOT_TOOLS, 'overlays of a Debian image', () => {
  let directory: string;
  let chroot: Chroot;

  beforeAll(async () => {
    directory = temporaryDirectory();
    chroot = await Chroot.make(join(directory, 'root'));
  });

  afterAll(async () => {
    await chroot.remove();
  });

  test('are installed with their modes, and leave directories and links as they are', async () => {
    const stage = join(directory, 'stage');
    mkdirSync(stage);
    stageAssets(declared(), join(directory, 'assets'), stage);
    const before = await chroot.sh('stat -c "%N %a %U" /lib /root /etc /etc/sudoers.d');
    await chroot.onMachine(['bash', '-c', APPLY, 'sh', chroot.root, stage, HOOK], {
      env: { BUILDFLEET_SOURCE_DATE_EPOCH: '1600000000' },
    });

    for (const [target, [mode, content]] of Object.entries(OVERLAYS)) {
      const seen = await chroot.sh(`stat -c '%04a %u:%g %Y' '${target}'; cat '${target}'`);
      expect([target, seen]).toEqual([target, `${mode} 0:0 1600000000\n${content.trim()}`]);
    }
    expect(await chroot.sh('stat -c "%N %a %U" /lib /root /etc /etc/sudoers.d')).toBe(before);
    expect(await chroot.sh('/usr/lib/buildfleet/run')).toBe('ran');
  });

  /** The rendered fleet's image with the overlays, whose files are beside the others. */
  function declared(): ImageDefinition {
    const assets = join(directory, 'assets');
    cpSync(RENDERED, assets, { recursive: true });
    const overlays = Object.entries(OVERLAYS).map(([target, [mode, content]]) => {
      const path = `overlays${target}`;
      mkdirSync(dirname(join(assets, path)), { recursive: true });
      writeFileSync(join(assets, path), content);
      return { path, target, mode, sha256: createHash('sha256').update(content).digest('hex') };
    });
    const definition = JSON.parse(readFileSync(join(RENDERED, 'definition.json'), 'utf8')) as object;
    return parseImageDefinition({ ...definition, overlays });
  }
});
