import { chmodSync, constants, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { claimName } from '../files/claim-name';
import { makeDirectories } from '../files/directories';
import type { ImageDefinition } from '../model/image-definition';
import type { Stage } from './stage';

type Toolchain = Extract<ImageDefinition['toolchain'], { kind: 'ghcup' }>;

/** In the image, while it is built; customize.sh makes it. */
const IN_IMAGE = '/tmp/buildfleet/downloads';
/** Below the download directory of the cache of images. */
const KEPT = 'ghcup';

/** Variables of install-haskell.sh that only GHCup's toolchains have. Those without a value keep the script's default. */
export function ghcupVariables({ ghcup, secondaryGhc, indexState, mirror = {} }: Toolchain): Record<string, string> {
  const variables = {
    GHC_SECONDARY_VERSION: [secondaryGhc ?? []].flat().join(' '),
    GHCUP_VERSION: ghcup.version,
    GHCUP_SHA256: ghcup.sha256,
    GHCUP_BASE_URL: mirror.programs,
    GHCUP_METADATA_URL: mirror.list,
    GHCUP_KEYSERVER: mirror.keyserver,
    GHCUP_KEYS: mirror.keys?.join(' '),
    GHCUP_DOWNLOADS: IN_IMAGE,
    HACKAGE_INDEX_STATE: indexState ?? undefined,
    ...Object.fromEntries(['http_proxy', 'https_proxy', 'no_proxy'].map((name) => [name, process.env[name]])),
  };
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => (entry[1] ?? '') !== ''),
  );
}

/**
 * Lays what earlier builds downloaded where the hooks find it. They may write to the directory that is kept as little
 * as to any other of the workstation; GHCup verifies what it takes from there by its signed list.
 */
export function lendDownloads(downloadDirectory: string, stage: Stage): void {
  const kept = join(downloadDirectory, KEPT);
  const lent = join(stage.directory, 'downloads');
  for (const [path, mode] of [
    [lent, 0o755],
    [returned(stage), 0o777],
  ] as const) {
    mkdirSync(path);
    chmodSync(path, mode);
  }
  const names = existsSync(kept) ? readdirSync(kept) : [];
  for (const name of names.filter((name) => !name.startsWith('.'))) {
    copy(join(kept, name), join(lent, name));
    chmodSync(join(lent, name), 0o644);
  }
}

/** Keeps what the hooks have downloaded anew. */
export function keepDownloads(downloadDirectory: string, stage: Stage): void {
  const kept = join(downloadDirectory, KEPT);
  makeDirectories(kept);
  for (const name of readdirSync(returned(stage))) {
    const partial = join(kept, `.${claimName()}`);
    copy(join(returned(stage), name), partial);
    renameSync(partial, join(kept, name));
  }
}

function returned(stage: Stage): string {
  return join(stage.out, 'downloads');
}

function copy(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
}
