// @ts-check
'use strict';
// Starts the CLI of a checkout. Node cannot run TypeScript and a compiler costs more than a second per start, so the
// CLI is bundled into dist/cli/ on first use, and again whenever one of the files that went into it has changed.
const { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { createRequire, wrap } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

const ROOT = join(__dirname, '..');
const OUT = join(ROOT, 'dist', 'cli');
const MANIFEST = join(OUT, 'manifest.json');
const ENTRY = 'cli/index.ts';
/** Count as inputs although esbuild does not read them: dependencies by their versions, and the options below. */
const ALSO_INPUTS = ['package-lock.json', 'bundles/cli.cjs'];
/** Bundles this much older than a new one are deleted: no command that still loads parts of one is so old. */
const KEEP_MS = 3600 * 1000;

/**
 * What a file was when the bundle was made. The content decides; size and time spare reading it.
 * @typedef {{ size: number, mtimeMs: number, sha256: string }} Input
 * @typedef {{ bundle: string, inputs: Record<string, Input> }} Manifest
 */

/** Runs the CLI in this process. */
function start() {
  const path = freshBundle();
  const code = `${path}.${process.version}.code`;
  const script = new Script(wrap(readFileSync(path, 'utf8')), { filename: path, cachedData: readOrUndefined(code) });
  if (script.cachedDataRejected !== false) {
    // Parsing is most of what a start costs; what was parsed and run this time is there the next time.
    process.once('exit', () => {
      try {
        writeAtomically(code, script.createCachedData());
      } catch {
        // Somebody else's checkout: it works as it is, a little slower.
      }
    });
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(path), module, path, dirname(path));
}

/**
 * Path of a bundle that was made from the sources as they are.
 * @returns {string}
 */
function freshBundle() {
  const manifest = readManifest();
  if (manifest === undefined) return build();
  const touched = Object.entries(manifest.inputs).filter(([path, input]) => !isUntouched(path, input));
  if (touched.some(([path, input]) => describe(path)?.sha256 !== input.sha256)) return build();
  if (touched.length > 0) rememberTimes(manifest, touched);
  return join(OUT, manifest.bundle);
}

/** @returns {Manifest | undefined} */
function readManifest() {
  try {
    const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'));
    statSync(join(OUT, manifest.bundle));
    return manifest;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} path relative to the checkout
 * @param {Input} input
 * @returns {boolean}
 */
function isUntouched(path, input) {
  const stats = statSync(join(ROOT, path), { throwIfNoEntry: false });
  return stats !== undefined && stats.size === input.size && stats.mtimeMs === input.mtimeMs;
}

/**
 * A checkout or a copy gives files new times: they are not read again at every start.
 * @param {Manifest} manifest
 * @param {[string, Input][]} touched
 */
function rememberTimes(manifest, touched) {
  try {
    const now = Object.fromEntries(touched.map(([path, input]) => [path, describe(path) ?? input]));
    writeAtomically(MANIFEST, JSON.stringify({ ...manifest, inputs: { ...manifest.inputs, ...now } }, null, 1));
  } catch {
    // Somebody else's checkout: the files are read at every start.
  }
}

/**
 * @param {string} path relative to the checkout
 * @returns {Input | undefined} undefined when there is no such file
 */
function describe(path) {
  const stats = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return { size: stats.size, mtimeMs: stats.mtimeMs, sha256: sha256(readFileSync(join(ROOT, path))) };
}

/**
 * @param {string | Uint8Array} content
 * @returns {string}
 */
function sha256(content) {
  return require('node:crypto').createHash('sha256').update(content).digest('hex');
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

/** @returns {string} */
function build() {
  let esbuild;
  try {
    esbuild = require('esbuild');
  } catch {
    return fail('the dependencies of buildfleet are not installed', `run \`npm ci\` in ${ROOT}`);
  }
  const result = bundleWith(esbuild);
  const text = /** @type {{ contents: Uint8Array }} */ (result.outputFiles[0]).contents;
  const own = Object.keys(result.metafile.inputs).filter(
    (path) => !path.includes('node_modules/') && !path.includes(':'),
  );
  /** @type {Record<string, Input>} */
  const inputs = {};
  for (const path of [...own, ...ALSO_INPUTS].sort()) {
    const input = describe(path);
    if (input !== undefined) inputs[path] = input;
  }
  const bundle = `buildfleet-${sha256(text).slice(0, 16)}.js`;
  try {
    mkdirSync(OUT, { recursive: true });
    // The manifest last: whoever starts meanwhile sees the old bundle or the new one, never half of one.
    writeAtomically(join(OUT, bundle), text);
    writeAtomically(MANIFEST, JSON.stringify({ bundle, inputs }, null, 1));
    removeOldBundles(bundle);
  } catch (error) {
    return fail(
      `the sources have changed since the CLI was built, and ${OUT} cannot be written: ${error instanceof Error ? error.message : error}`,
      'run buildfleet once as the owner of this checkout',
    );
  }
  return join(OUT, bundle);
}

/** @param {typeof import('esbuild')} esbuild */
function bundleWith(esbuild) {
  try {
    return esbuild.buildSync({
      absWorkingDir: ROOT,
      entryPoints: [ENTRY],
      outfile: 'buildfleet.js',
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      // The ES module forms of the dependencies, which let esbuild drop what is not used.
      mainFields: ['module', 'main'],
      conditions: ['import'],
      // Finds its WebAssembly beside itself.
      external: ['node-sqlite3-wasm'],
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: 'none',
      logLevel: 'error',
    });
  } catch {
    // esbuild has printed file, line and reason.
    return fail('the CLI cannot be built from these sources', 'correct what is named above');
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

/** @param {string} current */
function removeOldBundles(current) {
  for (const name of readdirSync(OUT)) {
    const path = join(OUT, name);
    if (!name.startsWith(current) && name !== 'manifest.json' && Date.now() - statSync(path).mtimeMs > KEEP_MS)
      rmSync(path, { force: true });
  }
}

/**
 * @param {string} problem
 * @param {string} remedy
 * @returns {never}
 */
function fail(problem, remedy) {
  process.stderr.write(`buildfleet: ${problem}: ${remedy}\n`);
  process.exit(1);
}

module.exports = { start, freshBundle };
