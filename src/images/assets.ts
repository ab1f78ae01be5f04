import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_SCRIPTS, IMAGE_ASSET_DIRECTORIES } from '../model/image-definition';
import { ASSETS, readAsset } from '../rendering/assets';

/** A file that an image is made with. */
export interface ImageAssetFile {
  /** Beside `definition.json`, `scripts/install-agent.sh`. */
  readonly path: string;
  readonly content: string;
  readonly executable: boolean;
}

let cached: readonly ImageAssetFile[] | undefined;

/** Everything in `assets/` that an image is made with, in the order of the paths: its definition covers it. */
export function imageAssets(): readonly ImageAssetFile[] {
  return all().filter(({ path }) => !isHostScript(path));
}

/** Scripts for imports of an image by hand. They lie beside the others and change no definition. */
export function hostScripts(): readonly ImageAssetFile[] {
  return all().filter(({ path }) => isHostScript(path));
}

function isHostScript(path: string): boolean {
  return (HOST_SCRIPTS as readonly string[]).includes(path);
}

/** All assets in the order of the paths. Read once. */
function all(): readonly ImageAssetFile[] {
  cached ??= IMAGE_ASSET_DIRECTORIES.flatMap(({ from, to }) =>
    filesBelow(from).map((file) => ({
      path: `${to}/${file}`,
      content: readAsset(from, file),
      executable: isExecutable(join(ASSETS, from, file)),
    })),
  ).sort((a, b) => (a.path < b.path ? -1 : 1));
  return cached;
}

function filesBelow(directory: string): string[] {
  return readdirSync(join(ASSETS, directory), { recursive: true, encoding: 'utf8' }).filter(
    (file) => !file.split('/').includes('__pycache__') && statSync(join(ASSETS, directory, file)).isFile(),
  );
}

/** Version control keeps only this permission; the rest depends on the umask. */
function isExecutable(path: string): boolean {
  return (statSync(path).mode & 0o100) !== 0;
}
