import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

/*
 * Runs the bundle with V8's code cache: Terraform starts a provider several times per plan, and compiling is a third
 * of the start. The first process leaves the cache for the next ones; without one everything works, only slower.
 */

/** Content hash of the bundle, set while bundling: V8 itself would take a cache of any text of the same length. */
declare const BUNDLE_HASH: string;

const bundle = join(__dirname, 'bundle.js');
const cacheFile = join(__dirname, `bundle-${BUNDLE_HASH}-${process.version}-${process.arch}.cache`);

const wrapped = `(function (exports, require, module, __filename, __dirname) {${readFileSync(bundle, 'utf8')}\n})`;
const cachedData = readCache();
const script = new Script(wrapped, { filename: bundle, ...(cachedData ? { cachedData } : {}) });
if (!cachedData || script.cachedDataRejected === true) process.once('exit', writeCache);

const main = { exports: {} };
(script.runInThisContext() as (...args: unknown[]) => void)(main.exports, require, main, bundle, __dirname);

function readCache(): Buffer | undefined {
  try {
    return readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}

/** At exit, because the cache then holds the functions that were needed. */
function writeCache(): void {
  const temporary = `${cacheFile}.${process.pid}`;
  try {
    writeFileSync(temporary, script.createCachedData(), { mode: 0o600 });
    renameSync(temporary, cacheFile);
  } catch {
    // A directory that cannot be written to costs time, nothing else.
  }
}
