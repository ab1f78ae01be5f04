import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAsset } from '../rendering/assets';
import { bundle } from './bundle.cjs';

/**
 * Writes the provider as one file that needs only Node, `bundle.js`, and a small one that runs it with V8's code cache,
 * `main.js`, which the launcher starts.
 *
 * @param outDir made when absent; code caches of other bundles are removed from it
 * @returns content hash of the bundle
 */
export function bundleProvider(outDir: string): string {
  const drainScript = readAsset('cli', 'drain.sh');
  const { text } = bundle('src/provider/main.ts', { define: { DRAIN_SCRIPT: JSON.stringify(drainScript) } });
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const loader = bundle('src/programs/provider-loader.ts', { define: { BUNDLE_HASH: JSON.stringify(hash) } });
  mkdirSync(outDir, { recursive: true });
  for (const name of readdirSync(outDir)) {
    if (name.startsWith('bundle-') && !name.startsWith(`bundle-${hash}.`)) rmSync(join(outDir, name), { force: true });
  }
  // The bundle first: a process that starts in between must not keep a cache of the old text under the new hash.
  writeIfChanged(join(outDir, 'bundle.js'), text);
  writeIfChanged(join(outDir, 'main.js'), loader.text);
  return hash;
}

function writeIfChanged(file: string, content: string): void {
  let present: string | undefined;
  try {
    present = readFileSync(file, 'utf8');
  } catch {
    // written for the first time
  }
  if (present !== content) writeFileSync(file, content);
}
