import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ImageDefinition, imageDefinition } from '../../../src/model/image-definition';

const BUILDER = join(__dirname, '../../../assets/debian');

/** A definition with the real builder's files and one script, whose assets are written to a directory. */
export function writeDefinition(directory: string, changes: object = {}): ImageDefinition {
  const contents = new Map<string, string>([['scripts/one.sh', '#!/bin/sh\n']]);
  for (const folder of ['files', 'hooks']) {
    for (const name of readdirSync(join(BUILDER, folder))) {
      contents.set(`debian/${folder}/${name}`, readFileSync(join(BUILDER, folder, name), 'utf8'));
    }
  }
  const assets = [...contents].map(([path, content]) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
    return {
      path,
      mode: path.endsWith('.sh') ? '0755' : '0644',
      sha256: createHash('sha256').update(content).digest('hex'),
    };
  });
  return imageDefinition({
    name: 'haskell',
    base: { kind: 'debian', suite: 'trixie', architecture: 'amd64', mirror: null, snapshot: null },
    scripts: assets.filter(({ path }) => path.startsWith('scripts/')),
    files: assets.filter(({ path }) => !path.startsWith('scripts/')),
    ...changes,
  });
}
