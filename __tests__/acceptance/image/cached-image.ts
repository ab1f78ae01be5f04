import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageFormat } from '../../../src/model/hypervisor';
import { asDebian, type DebianImageDefinition, parseImageDefinition } from '../../../src/model/image-definition';
import { run } from '../../../src/process/run';
import { ImageCache } from '../../../src/images/cache';
import { obtainImage } from '../../../src/images/obtain-image';

const REPOSITORY = join(__dirname, '../../..');

/** The image of the rendered fleet, which all suites build once and share. */
export interface CachedDebian {
  readonly definition: DebianImageDefinition;
  readonly assetsDirectory: string;
  readonly path: string;
  readonly packages: Readonly<Record<string, string>>;
}

export async function cachedDebian(format: ImageFormat = 'qcow2'): Promise<CachedDebian> {
  const assetsDirectory = join(REPOSITORY, 'rendered/fleet/haskell');
  const file = join(assetsDirectory, 'definition.json');
  const definition = asDebian(parseImageDefinition(JSON.parse(readFileSync(file, 'utf8'))));
  const { diskPath, manifest } = await obtainImage(new ImageCache(join(REPOSITORY, '.cache/acceptance')), {
    ...{ definition, assetsDirectory, format, run, signal: new AbortController().signal },
    ...{ downloadDirectory: '', accelerator: undefined },
    onWait: () => undefined,
    progress: () => undefined,
  });
  return { definition, assetsDirectory, path: diskPath, packages: manifest.packages };
}
