// @ts-check
'use strict';
// V8's code cache for our bundles: compiling is a third of what the start of a provider or of the CLI costs.
//
// Until Node 20 is no longer supported here: module.enableCompileCache() of Node 22.1 does the same.
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire, wrap } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');

/**
 * Runs a bundle with what earlier processes have compiled of it. What this one compiles is there the next time; without a
 * cache everything works, only slower.
 *
 * @param {string} file ASCII only
 * @param {string} cache begin of the paths of the caches. It has to tell the content of the bundle, because V8 takes a
 *   cache of any text of the same length, and what is going to run of it: only functions that have run are in a cache.
 * @returns {any} what the bundle exports
 */
function runWithCodeCache(file, cache) {
  // A process that failed may have run little of it, which has to do until one succeeds.
  const begin = `${cache}.${process.version}-${process.arch}`;
  const late = `${begin}.code`;
  const early = `${begin}.early`;
  const known = readOrUndefined(late);
  const script = new Script(wrap(readFileSync(file, 'latin1')), {
    filename: file,
    cachedData: known ?? readOrUndefined(early),
  });
  if (known === undefined || script.cachedDataRejected) {
    // At exit, because the cache then holds the functions that were needed.
    process.once('exit', (exitCode) => {
      if (exitCode !== 0 && script.cachedDataRejected === false) return;
      try {
        writeAtomically(exitCode === 0 ? late : early, script.createCachedData());
      } catch {
        // A directory that cannot be written to costs time, nothing else.
      }
    });
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return module.exports;
}

/**
 * @param {string} path
 * @returns {Buffer | undefined}
 */
function readOrUndefined(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} path
 * @param {string | Uint8Array} content
 */
function writeAtomically(path, content) {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

module.exports = { runWithCodeCache, writeAtomically };
