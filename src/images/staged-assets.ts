import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CDK_COMMAND } from '../model/cdk-command';
import { FleetError } from '../model/errors';
import type { ImageAsset, ImageDefinition } from '../model/image-definition';

/** Files of the builder that every Debian definition must list among its `files`. */
const BUILDER_FILES = [
  'debian/files/apply_seed.py',
  'debian/files/await_identity.py',
  'debian/files/become.py',
  'debian/files/buildfleet-host-key.service',
  'debian/files/buildfleet-identity.service',
  'debian/files/buildfleet-late.service',
  'debian/files/buildfleet-seed.service',
  'debian/files/cloud-init-main.conf',
  'debian/files/cloud-init-unneeded.conf',
  'debian/files/dpkg-excludes',
  'debian/files/ethernet.network',
  'debian/files/fstab',
  'debian/files/grub-early.cfg',
  'debian/files/grub.cfg',
  'debian/files/hosts',
  'debian/files/masked-generators',
  'debian/files/masked-units',
  'debian/files/no-jsonschema.py',
  'debian/files/reproducible-initrd',
  'debian/files/tiny-initramfs.conf',
  'debian/files/template-generator',
  'debian/files/udev-trigger.conf',
  'debian/hooks/customize.sh',
  'debian/hooks/make-filesystem.sh',
  'debian/hooks/setup.sh',
];

/**
 * Copies what a definition lists, and nothing else, to where a build can read it: `assets/` with every asset,
 * `overlay/` with those that have a target, as a tree, and `scripts`, the order in which to run them.
 *
 * @param assetsDirectory holds the files under the paths that the definition gives
 * @throws FleetError when a file is missing, or is not the one that was declared
 */
export function stageAssets(definition: ImageDefinition, assetsDirectory: string, stage: string): void {
  const listed = new Set([...definition.files, ...definition.scripts].map((asset) => asset.path));
  const missing = BUILDER_FILES.find((path) => !listed.has(path));
  if (missing !== undefined) {
    throw new FleetError({
      code: 'image-asset-missing',
      problem: `the definition of image ${definition.name} does not list ${missing}`,
      place: assetsDirectory,
      remedy: `run ${CDK_COMMAND} synth again`,
    });
  }
  makeDirectory(join(stage, 'overlay'));
  copyAssets(definition, assetsDirectory, join(stage, 'assets'));
  const installed = [...definition.files, ...definition.overlays].flatMap(({ path, target, mode }) =>
    target === null ? [] : [{ path, target, mode }],
  );
  for (const { path, target, mode } of installed) {
    writeReadable(stage, join('overlay', target), readFileSync(join(stage, 'assets', path)), mode);
  }
  writeReadable(stage, 'overlay-modes', installed.map(({ mode, target }) => `${mode} ${target}\n`).join(''), '0644');
  writeReadable(stage, 'scripts', definition.scripts.map(({ path }) => `${path}\n`).join(''), '0644');
}

/**
 * Copies every file that a definition lists to the same path below `target`.
 *
 * @throws FleetError when a file is missing, or is not the one that was declared
 */
export function copyAssets(definition: ImageDefinition, assetsDirectory: string, target: string): void {
  makeDirectory(target);
  for (const asset of [...definition.files, ...definition.scripts, ...definition.overlays]) {
    writeReadable(target, asset.path, readAsset(assetsDirectory, asset), asset.mode);
  }
}

// Inside a user namespace the builder is neither owner nor superuser of these files; what only the owner may read in
// the image gets its mode there.
function writeReadable(stage: string, path: string, content: string | Uint8Array, mode: string): void {
  const directories = path.split('/').slice(0, -1);
  directories.forEach((_, depth) => {
    makeDirectory(join(stage, ...directories.slice(0, depth + 1)));
  });
  const file = join(stage, path);
  writeFileSync(file, content);
  chmodSync(file, /[1357]/.test(mode) ? 0o755 : 0o644);
}

/** Makes a directory that other accounts can enter, independent of the umask. */
function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

function readAsset(assetsDirectory: string, { path, sha256 }: ImageAsset): Buffer {
  const source = join(assetsDirectory, path);
  let content: Buffer;
  try {
    content = readFileSync(source);
  } catch (cause) {
    throw new FleetError({
      code: 'image-asset-missing',
      problem: 'a file of the image definition cannot be read',
      place: source,
      remedy: `run ${CDK_COMMAND} synth again`,
      cause,
    });
  }
  if (createHash('sha256').update(content).digest('hex') !== sha256) {
    throw new FleetError({
      code: 'image-asset-altered',
      problem: 'a file of the image definition is not the one that was declared',
      place: source,
      remedy: `run ${CDK_COMMAND} synth again, and change the source rather than what synth wrote`,
    });
  }
  return content;
}
