import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { bundleProvider } from './provider';

/** One provider source that a stack requires and our process serves. */
export interface ProviderSource {
  /** `buildfleet.local/fleet/buildfleet`; its last part tells the process what to serve. */
  readonly source: string;
  readonly version: string;
}

/** Of the launcher, which never changes. The bundle beside it does. */
export const PROVIDER_VERSION = '0.1.0';

export const FLEET_SOURCE: ProviderSource = { source: 'buildfleet.local/fleet/buildfleet', version: PROVIDER_VERSION };
export const NULL_SOURCE: ProviderSource = { source: 'buildfleet.local/fleet/null', version: PROVIDER_VERSION };

/** Names that Terraform gives to machines. The launcher is the same text for all. */
const PLATFORMS = ['linux_amd64', 'linux_arm64', 'darwin_amd64', 'darwin_arm64'] as const;

/**
 * Puts the provider where `terraform init` in the stack's output finds it without network and configuration: a
 * launcher per source in the implied local mirror, its code in `provider/`, and a lock file that already holds its
 * checksums, without which cdktf would ask the network for them.
 *
 * @param stackOutDir directory of the stack's `cdk.tf.json`
 */
export function placeProvider(
  stackOutDir: string,
  { sources = [FLEET_SOURCE] }: { readonly sources?: readonly ProviderSource[] } = {},
): void {
  const launcher = readFileSync(resolve(__dirname, '../assets/provider/launcher.sh'));
  bundleProvider(join(stackOutDir, 'provider'));
  for (const { source, version } of sources) {
    for (const platform of PLATFORMS) {
      const directory = join(stackOutDir, 'terraform.d/plugins', source, version, platform);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, launcherName({ source, version })), launcher, { mode: 0o755 });
    }
    install(stackOutDir, join(source, version, currentPlatform()));
  }
  writeFileSync(join(stackOutDir, '.terraform.lock.hcl'), renderLockFile(sources, launcher));
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

function launcherName({ source, version }: ProviderSource): string {
  return `terraform-provider-${source.slice(source.lastIndexOf('/') + 1)}_v${version}`;
}

/** As `terraform init` writes it, with the constraint that cdktf writes for the version. */
export function renderLockFile(sources: readonly ProviderSource[], launcher: Uint8Array): string {
  const blocks = [...sources]
    .sort((a, b) => (a.source < b.source ? -1 : 1))
    .map(
      (source) =>
        `provider "${source.source}" {\n` +
        `  version     = "${source.version}"\n` +
        `  constraints = "${source.version}"\n` +
        `  hashes = [\n    "${directoryHash(launcherName(source), launcher)}",\n  ]\n}\n`,
    );
  return [
    '# This file is maintained automatically by "terraform init".\n# Manual edits may be lost in future updates.\n',
    ...blocks,
  ].join('\n');
}

/** Terraform's `h1:` of a directory with one file (golang.org/x/mod/sumdb/dirhash, Hash1). */
function directoryHash(name: string, content: Uint8Array): string {
  const line = `${createHash('sha256').update(content).digest('hex')}  ${name}\n`;
  return `h1:${createHash('sha256').update(line).digest('base64')}`;
}
