import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { readAsset } from '../rendering/assets';
import { type RequiredProvider, renderLockFile } from './lock-file';
import { bundleProvider } from './provider';

/** What a stack requires to have our provider; the version is that of the launcher, which never changes. */
export const FLEET_SOURCE = { source: 'buildfleet.local/fleet/buildfleet', version: '0.1.0' } as const;

/** File name by which Terraform knows a provider. */
const LAUNCHER = `terraform-provider-buildfleet_v${FLEET_SOURCE.version}`;

/** Names that Terraform gives to machines. The launcher is the same text for all. */
const PLATFORMS = ['linux_amd64', 'linux_arm64', 'darwin_amd64', 'darwin_arm64'] as const;

/**
 * Puts the provider where `terraform init` in the stack's output finds it without network and configuration: a
 * launcher per platform in the implied local mirror, its code in `provider/`, and a lock file that already holds its
 * checksums, without which cdktf would ask the network for them.
 *
 * @param stackOutDir directory of the stack's `cdk.tf.json`
 * @param required what that file requires
 */
export function placeProvider(stackOutDir: string, required: readonly RequiredProvider[] = []): void {
  const launcher = Buffer.from(readAsset('provider', 'launcher.sh'));
  bundleProvider(join(stackOutDir, 'provider'));
  const { source, version } = FLEET_SOURCE;
  for (const platform of PLATFORMS) {
    const directory = join(stackOutDir, 'terraform.d/plugins', source, version, platform);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, LAUNCHER), launcher, { mode: 0o755 });
  }
  install(stackOutDir, join(source, version, currentPlatform()));
  writeLockFile(stackOutDir, launcher, required);
}

/**
 * Does what `terraform init` would, except that it never goes through the plugin cache that cdktf shares among projects:
 * Terraform would put a link to this stack's output there, and other projects would lose their provider with it.
 */
function install(stackOutDir: string, platformPath: string): void {
  const target = resolve(stackOutDir, 'terraform.d/plugins', platformPath);
  const link = join(stackOutDir, '.terraform/providers', platformPath);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { recursive: true, force: true });
  symlinkSync(relative(realpathSync(dirname(link)), realpathSync(target)), link);
}

/** As Terraform calls the machine that this runs on. */
function currentPlatform(): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return `${process.platform}_${architecture}`;
}

/** What `terraform init` would lock, and what it has locked of other providers. */
function writeLockFile(stackOutDir: string, launcher: Uint8Array, required: readonly RequiredProvider[]): void {
  const path = join(stackOutDir, '.terraform.lock.hcl');
  const own = { ...FLEET_SOURCE, hash: directoryHash(LAUNCHER, launcher) };
  writeFileSync(path, renderLockFile(own, required, readIfThere(path)));
}

/** Terraform's `h1:` of a directory with one file (golang.org/x/mod/sumdb/dirhash, Hash1). */
function directoryHash(name: string, content: Uint8Array): string {
  const line = `${createHash('sha256').update(content).digest('hex')}  ${name}\n`;
  return `h1:${createHash('sha256').update(line).digest('base64')}`;
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
