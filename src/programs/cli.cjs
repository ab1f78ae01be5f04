// @ts-check
'use strict';
// Starts the CLI of a checkout. Node cannot run TypeScript and a compiler costs more than a second per start, so the
// CLI is bundled into dist/cli/ on first use, and again whenever one of the files that went into it has changed.
const { mkdirSync, readdirSync, readFileSync, rmSync, statSync } = require('node:fs');
const { join } = require('node:path');
const { runWithCodeCache, writeAtomically } = require('./compile-cache.cjs');

const ROOT = join(__dirname, '../..');
const OUT = join(ROOT, 'dist', 'cli');
const MANIFEST = join(OUT, 'manifest.json');
/** Count as inputs although esbuild does not read them: dependencies by their versions, and esbuild's options. */
const ALSO_INPUTS = ['package-lock.json', 'src/programs/bundle.cjs', 'src/programs/cli.cjs'];
/** Bundles this much older than a new one are deleted: no command that still reads one is so old. */
const KEEP_MS = 3600 * 1000;

/**
 * What a file was when the bundle was made. The content decides; size and time spare reading it.
 * @typedef {{ size: number, mtimeMs: number, sha256: string }} Input
 * @typedef {{ bundle: string, inputs: Record<string, Input> }} Manifest
 */

/** Runs the CLI in this process. */
function start() {
  requireWorkingDirectory();
  const [, , word = ''] = process.argv;
  // Each command has a code cache of its own: it holds what that runs, and nothing else.
  const use = /^(-h|--help|help)?$/.test(word) ? 'help' : /^[a-z][a-z-]{0,20}$/.test(word) ? word : 'any';
  const bundle = freshBundle();
  runWithCodeCache(bundle, `${bundle}.${use}`);
}

/** Node and every program that a command starts ask for it, and each names another cause. */
function requireWorkingDirectory() {
  try {
    process.cwd();
  } catch {
    fail('the working directory has been deleted', 'change to one that is there');
  }
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
  return `${OUT}/${manifest.bundle}`;
}

/** @returns {Manifest | undefined} */
function readManifest() {
  try {
    const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'));
    statSync(`${OUT}/${manifest.bundle}`);
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
  // join() would take longer than the kernel does.
  const stats = statSync(`${ROOT}/${path}`, { throwIfNoEntry: false });
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
    // The checkout of another account: the files are read at every start.
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

/** @returns {string} path of the bundle */
function build() {
  const { text, inputs: read } = bundleOrFail();
  const own = read.filter((path) => !path.includes('node_modules/') && !path.includes(':'));
  /** @type {Record<string, Input>} */
  const inputs = {};
  for (const path of [...own, ...ALSO_INPUTS].sort()) {
    const input = describe(path);
    if (input !== undefined) inputs[path] = input;
  }
  const name = `buildfleet-${sha256(text).slice(0, 16)}.js`;
  try {
    mkdirSync(OUT, { recursive: true });
    // The manifest last: a process that starts meanwhile sees the old bundle or the new one, never half of one.
    writeAtomically(join(OUT, name), text);
    writeAtomically(MANIFEST, JSON.stringify({ bundle: name, inputs }, null, 1));
    removeOldBundles(name);
  } catch (error) {
    return fail(
      `the sources have changed since the CLI was built, and ${OUT} cannot be written: ${reasonOf(error)}`,
      'run buildfleet once as the owner of this checkout',
    );
  }
  return join(OUT, name);
}

function bundleOrFail() {
  try {
    // Finds its WebAssembly beside itself.
    return require('./bundle.cjs').bundle('src/cli/index.ts', { external: ['node-sqlite3-wasm'] });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') {
      return fail('the dependencies of buildfleet are not installed', `run \`npm ci\` in ${ROOT}`);
    }
    // esbuild names file, line and reason.
    return fail(`the CLI cannot be built from these sources: ${reasonOf(error)}`, 'correct what is named there');
  }
}

/** @param {string} current */
function removeOldBundles(current) {
  for (const file of readdirSync(OUT)) {
    const path = join(OUT, file);
    if (file.startsWith(current) || path === MANIFEST) continue;
    if (Date.now() - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { force: true });
  }
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Error ? error.message : String(error);
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

module.exports = { start };
