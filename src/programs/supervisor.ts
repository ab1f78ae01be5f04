import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

/** File that {@link bundleSupervisor} writes. */
export const SUPERVISOR_BUNDLE_FILE = 'supervisor.js';

/**
 * Writes the supervisor of the workstation's services as one file that needs only Node. The same sources give the
 * same bytes, wherever they lie.
 *
 * @param outDir made when absent.
 * @returns path of the file written.
 */
export async function bundleSupervisor(outDir: string): Promise<string> {
  mkdirSync(outDir, { recursive: true });
  const script = join(outDir, SUPERVISOR_BUNDLE_FILE);
  await build({
    absWorkingDir: resolve(__dirname, '../..'),
    entryPoints: ['src/provider/services/supervisor-main.ts'],
    outfile: resolve(script),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    tsconfigRaw: { compilerOptions: { target: 'es2023', useDefineForClassFields: true } },
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    sourcemap: false,
    logLevel: 'silent',
  });
  return script;
}
