// @ts-check
'use strict';
// Starts the CLI of a checkout. Node cannot run TypeScript and a compiler costs more than a second per start, so the
// CLI is bundled into dist/cli/ on first use, and again whenever one of the files that went into it has changed. There
// are two bundles: the command line, which `--help` needs, and what the commands do, which is ten times as large.
const { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { createRequire, wrap } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

const ROOT = join(__dirname, '../..');
const OUT = join(ROOT, 'dist', 'cli');
/** How the command line names the other bundle. It is there when something of it is asked for. */
const COMMANDS_IMPORT = /\/commands\/load$/;
const BUNDLES = {
  program: { entry: 'src/cli/index.ts', external: ['*/commands/load'] },
  // Finds its WebAssembly beside itself.
  commands: { entry: 'src/cli/commands/load.ts', external: ['node-sqlite3-wasm'] },
};
/** Count as inputs although esbuild does not read them: dependencies by their versions, and the options below. */
const ALSO_INPUTS = ['package-lock.json', 'src/programs/cli.cjs'];
/** Bundles this much older than a new one are deleted: no command that still loads parts of one is so old. */
const KEEP_MS = 3600 * 1000;

/**
 * What a file was when the bundle was made. The content decides; size and time spare reading it.
 * @typedef {{ size: number, mtimeMs: number, sha256: string }} Input
 * @typedef {{ bundle: string, inputs: Record<string, Input> }} Manifest
 * @typedef {keyof typeof BUNDLES} BundleName
 */

/** Runs the CLI in this process. */
function start() {
  const [, , word = ''] = process.argv;
  load('program', /^(-h|--help|help)?$/.test(word) ? 'help' : 'command', (path) => {
    const own = createRequire(path);
    /** @type {any} */
    let commands;
    const later = {
      get load() {
        commands ??= load('commands', /^[a-z][a-z-]{0,20}$/.test(word) ? word : 'any', createRequire);
        return commands.load;
      },
    };
    // commander starts programs only for commands that are programs, which we have none of.
    const childProcess = { get: () => own('node:child_process') };
    return (/** @type {string} */ id) => {
      if (COMMANDS_IMPORT.test(id)) return later;
      return id === 'node:child_process' ? childProcess : own(id);
    };
  });
}

/**
 * Runs a bundle.
 *
 * @param {BundleName} name
 * @param {string} use tells which parts of it this process is about to run: each has a code cache of its own
 * @param {(path: string) => (id: string) => any} requireFor
 * @returns {any} what it exports
 */
function load(name, use, requireFor) {
  const path = freshBundle(name);
  // Nothing but ASCII is in it, which spares decoding it.
  const text = readFileSync(path, 'latin1');
  const [code, early] = ['code', 'early'].map((kind) => `${path}.${process.version}.${use}.${kind}`);
  const known = readOrUndefined(code);
  const script = new Script(wrap(text), { filename: path, cachedData: known ?? readOrUndefined(early) });
  if (known === undefined || script.cachedDataRejected) {
    // Parsing is most of what a start costs; what was parsed and run this time is there the next time. A command that
    // failed may have run little of it, which has to do until one succeeds.
    process.once('exit', (exitCode) => {
      const target = exitCode === 0 ? code : early;
      try {
        if (target === code || script.cachedDataRejected !== false) writeAtomically(target, script.createCachedData());
      } catch {
        // Somebody else's checkout: it works as it is, a little slower.
      }
    });
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, requireFor(path), module, path, dirname(path));
  return module.exports;
}

/**
 * Path of a bundle that was made from the sources as they are.
 * @param {BundleName} name
 * @returns {string}
 */
function freshBundle(name) {
  const manifest = readManifest(name);
  if (manifest === undefined) return build(name);
  const touched = Object.entries(manifest.inputs).filter(([path, input]) => !isUntouched(path, input));
  if (touched.some(([path, input]) => describe(path)?.sha256 !== input.sha256)) return build(name);
  if (touched.length > 0) rememberTimes(name, manifest, touched);
  return `${OUT}/${manifest.bundle}`;
}

/** @param {BundleName} name */
function manifestOf(name) {
  return `${OUT}/${name}.json`;
}

/**
 * @param {BundleName} name
 * @returns {Manifest | undefined}
 */
function readManifest(name) {
  try {
    const manifest = JSON.parse(readFileSync(manifestOf(name), 'utf8'));
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
 * @param {BundleName} name
 * @param {Manifest} manifest
 * @param {[string, Input][]} touched
 */
function rememberTimes(name, manifest, touched) {
  try {
    const now = Object.fromEntries(touched.map(([path, input]) => [path, describe(path) ?? input]));
    writeAtomically(manifestOf(name), JSON.stringify({ ...manifest, inputs: { ...manifest.inputs, ...now } }, null, 1));
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

/**
 * @param {BundleName} name
 * @returns {string}
 */
function build(name) {
  let esbuild;
  try {
    esbuild = require('esbuild');
  } catch {
    return fail('the dependencies of buildfleet are not installed', `run \`npm ci\` in ${ROOT}`);
  }
  const result = bundleWith(esbuild, name);
  const text = ascii(/** @type {{ text: string }} */ (result.outputFiles[0]).text);
  const own = Object.keys(result.metafile.inputs).filter(
    (path) => !path.includes('node_modules/') && !path.includes(':'),
  );
  /** @type {Record<string, Input>} */
  const inputs = {};
  for (const path of [...own, ...ALSO_INPUTS].sort()) {
    const input = describe(path);
    if (input !== undefined) inputs[path] = input;
  }
  const bundle = `${name}-${sha256(text).slice(0, 16)}.js`;
  try {
    mkdirSync(OUT, { recursive: true });
    // The manifest last: whoever starts meanwhile sees the old bundle or the new one, never half of one.
    writeAtomically(join(OUT, bundle), text);
    writeAtomically(manifestOf(name), JSON.stringify({ bundle, inputs }, null, 1));
    removeOldBundles(name, bundle);
  } catch (error) {
    return fail(
      `the sources have changed since the CLI was built, and ${OUT} cannot be written: ${error instanceof Error ? error.message : error}`,
      'run buildfleet once as the owner of this checkout',
    );
  }
  return join(OUT, bundle);
}

/**
 * @param {typeof import('esbuild')} esbuild
 * @param {BundleName} name
 */
function bundleWith(esbuild, name) {
  try {
    return esbuild.buildSync({
      absWorkingDir: ROOT,
      entryPoints: [BUNDLES[name].entry],
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
      external: BUNDLES[name].external,
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
 * esbuild leaves other characters in regular expressions only.
 * @param {string} text
 */
function ascii(text) {
  return text.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
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

/**
 * @param {BundleName} name
 * @param {string} current
 */
function removeOldBundles(name, current) {
  for (const file of readdirSync(OUT)) {
    const path = join(OUT, file);
    const isOthers = Object.keys(BUNDLES).some((other) => other !== name && file.startsWith(`${other}-`));
    if (isOthers || file.startsWith(current) || file.endsWith('.json')) continue;
    if (Date.now() - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { force: true });
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

module.exports = { start };
