// @ts-check
'use strict';
// Makes each of our programs a single file that needs only Node. JavaScript, because the CLI's launcher works without a
// compiler.
const { resolve } = require('node:path');

/**
 * Bundles a program. The same sources give the same bytes, wherever they lie.
 *
 * @param {string} entry path of its main module, relative to the checkout
 * @param {Pick<import('esbuild').BuildOptions, 'define' | 'external'>} [options]
 * @returns {{ readonly text: string, readonly inputs: readonly string[] }} the text, ASCII only, and the paths of all
 *   files that went into it, relative to the checkout
 * @throws esbuild's BuildFailure, whose message has file, line and reason
 */
function bundle(entry, options = {}) {
  /** @type {typeof import('esbuild')} */
  const esbuild = require('esbuild');
  const { outputFiles, metafile } = esbuild.buildSync({
    absWorkingDir: resolve(__dirname, '../..'),
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
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
    logLevel: 'silent',
    ...options,
  });
  return { text: ascii(outputFiles[0]?.text ?? ''), inputs: Object.keys(metafile.inputs) };
}

/**
 * Spares Node the decoding of UTF-8. esbuild leaves other characters in regular expressions only.
 * @param {string} text
 */
function ascii(text) {
  return text.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

module.exports = { bundle };
