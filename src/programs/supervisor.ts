import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.cjs';

/** File that {@link bundleSupervisor} writes. */
const SUPERVISOR_BUNDLE_FILE = 'supervisor.js';

/**
 * Writes the supervisor of the workstation's services as one file that needs only Node.
 *
 * @param outDir made when absent.
 * @returns path of the file written.
 */
export function bundleSupervisor(outDir: string): string {
  mkdirSync(outDir, { recursive: true });
  const script = join(outDir, SUPERVISOR_BUNDLE_FILE);
  writeFileSync(script, bundle('src/provider/services/supervisor-main.ts').text);
  return script;
}
