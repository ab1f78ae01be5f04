import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundle } from './bundle.cjs';

/** Files that {@link bundleHub} writes, both needed, side by side. */
export const HUB_BUNDLE_FILES = ['hub.js', 'node-sqlite3-wasm.wasm'] as const;

/**
 * Writes the State Hub as one file that needs only Node, and the WebAssembly of its database beside it.
 *
 * @param outDir made when absent.
 * @returns paths of the files written, `hub.js` first.
 */
export function bundleHub(outDir: string): string[] {
  mkdirSync(outDir, { recursive: true });
  const [script, wasm] = HUB_BUNDLE_FILES.map((name) => join(outDir, name)) as [string, string];
  writeFileSync(script, bundle('src/hub/main.ts').text);
  copyFileSync(resolve(__dirname, '../../node_modules/node-sqlite3-wasm/dist', HUB_BUNDLE_FILES[1]), wasm);
  return [script, wasm];
}
