import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

/** Files that {@link bundleHub} writes, both needed, side by side. */
export const HUB_BUNDLE_FILES = ['hub.js', 'node-sqlite3-wasm.wasm'] as const;

/**
 * Writes the State Hub as one file that needs only Node, and the WebAssembly of its database beside it. The same
 * sources give the same bytes, wherever they lie.
 *
 * @param outDir made when absent.
 * @returns paths of the files written, `hub.js` first.
 */
export async function bundleHub(outDir: string): Promise<string[]> {
  const root = resolve(__dirname, '../..');
  mkdirSync(outDir, { recursive: true });
  const [script, wasm] = HUB_BUNDLE_FILES.map((name) => join(outDir, name)) as [string, string];
  await build({
    absWorkingDir: root,
    entryPoints: ['src/hub/main.ts'],
    outfile: resolve(script),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // The ES module forms of the dependencies, which let esbuild drop what is not used.
    mainFields: ['module', 'main'],
    conditions: ['import'],
    tsconfigRaw: { compilerOptions: { target: 'es2023', useDefineForClassFields: true } },
    // Paths in comments would change nothing but the size.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    sourcemap: false,
    logLevel: 'silent',
  });
  copyFileSync(join(root, 'node_modules/node-sqlite3-wasm/dist', HUB_BUNDLE_FILES[1]), wasm);
  return [script, wasm];
}
