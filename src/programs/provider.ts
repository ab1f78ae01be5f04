import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';
import { readAsset } from '../rendering/assets';

/** Files that {@link bundleProvider} writes. The launcher starts the first. */
export const PROVIDER_BUNDLE_FILES = ['main.js', 'bundle.js'] as const;

/**
 * Writes the provider as one file that needs only Node, and a small one that runs it with V8's code cache. The same
 * sources give the same bytes, wherever they lie.
 *
 * @param outDir made when absent; code caches of other bundles are removed from it
 * @returns content hash of the bundle
 */
export function bundleProvider(outDir: string): string {
  const drainScript = readAsset('cli', 'drain.sh');
  const bundle = compile('src/provider/main.ts', { define: { DRAIN_SCRIPT: JSON.stringify(drainScript) } });
  const hash = createHash('sha256').update(bundle).digest('hex').slice(0, 16);
  const loader = compile('src/provider/loader.ts', { define: { BUNDLE_HASH: JSON.stringify(hash) } });
  mkdirSync(outDir, { recursive: true });
  for (const name of readdirSync(outDir)) {
    if (name.startsWith('bundle-') && !name.startsWith(`bundle-${hash}-`)) rmSync(join(outDir, name), { force: true });
  }
  // The bundle first: a process that starts in between must not keep a cache of the old text under the new hash.
  writeIfChanged(join(outDir, 'bundle.js'), bundle);
  writeIfChanged(join(outDir, 'main.js'), loader);
  return hash;
}

function compile(entryPoint: string, options: BuildOptions): Uint8Array {
  const [output] = buildSync({
    absWorkingDir: resolve(__dirname, '../..'),
    entryPoints: [entryPoint],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    tsconfigRaw: { compilerOptions: { target: 'es2023', useDefineForClassFields: true } },
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'silent',
    ...options,
    write: false,
  }).outputFiles;
  if (!output) throw new Error(`bundling ${entryPoint} gave no output`);
  return output.contents;
}

function writeIfChanged(file: string, content: Uint8Array): void {
  let present: Buffer | undefined;
  try {
    present = readFileSync(file);
  } catch {
    // written for the first time
  }
  if (!present?.equals(content)) writeFileSync(file, content);
}
