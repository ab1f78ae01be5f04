// @ts-check
'use strict';
// Starts the CLI of a checkout. Node cannot run TypeScript and a compiler costs more than a second per start, so the
// CLI is bundled into dist/cli/ on first use, and again whenever one of the files that went into it has changed.
const { createHash } = require('node:crypto');
const { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');
const OUT = join(ROOT, 'dist', 'cli');
const MANIFEST = join(OUT, 'manifest.json');
const ENTRY = 'cli/index.ts';
/** Count as inputs although esbuild does not read them: dependencies by their versions, and the options below. */
const ALSO_INPUTS = ['package-lock.json', 'scripts/bundle-cli.cjs'];
/** Bundles this much older than a new one are deleted: no command that still loads parts of one is so old. */
const KEEP_MS = 24 * 3600 * 1000;

/** @typedef {{ bundle: string, inputs: Record<string, string> }} Manifest */

/** Runs the CLI in this process. */
function start() {
  require(freshBundle());
}

/**
 * Path of a bundle that was made from the sources as they are.
 * @returns {string}
 */
function freshBundle() {
  const manifest = readManifest();
  if (manifest !== undefined && Object.entries(manifest.inputs).every(([path, hash]) => hashOf(path) === hash)) {
    return join(OUT, manifest.bundle);
  }
  return build();
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
 * @returns {string | undefined} undefined when there is no such file
 */
function hashOf(path) {
  try {
    return createHash('sha256')
      .update(readFileSync(join(ROOT, path)))
      .digest('hex');
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
  const result = esbuild.buildSync({
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
  const text = /** @type {{ contents: Uint8Array }} */ (result.outputFiles[0]).contents;
  const own = Object.keys(result.metafile.inputs).filter(
    (path) => !path.startsWith('node_modules/') && !path.includes(':'),
  );
  /** @type {Record<string, string>} */
  const inputs = {};
  for (const path of [...own, ...ALSO_INPUTS].sort()) inputs[path] = hashOf(path) ?? '';
  const bundle = `buildfleet-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.js`;
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
    if (name !== current && name !== 'manifest.json' && Date.now() - statSync(path).mtimeMs > KEEP_MS)
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
